"""The stages of training, each a folder that the next one reads. `pipeline.py` is the list."""
