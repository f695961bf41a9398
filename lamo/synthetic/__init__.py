"""The generator of synthetic patients. Never imported by serving."""
