"""The stages of training. Never imported by serving."""
