"""LAMO's way to score: one full prompt per candidate, through transformers and peft.

With the logits of the last position only; starting an engine for every medication, as its authors'
code does, is not counted. A generous baseline.
"""

import time
from pathlib import Path

import torch
from transformers import AutoTokenizer

from lamo.artifact import load_artifact
from lamo.prompts import Prompt, candidate_suffix
from lamo.scoring.stock import load_model


def milliseconds(folder: Path, prompt: Prompt, threads: int) -> float:
    """The time for every candidate of the vocabulary of the artifact in a folder."""
    torch.set_num_threads(threads)
    artifact = load_artifact(folder)
    model = load_model(artifact)
    tokenizer = AutoTokenizer.from_pretrained(str(artifact.base_model_folder))
    started = time.perf_counter()
    with torch.inference_mode():
        for entry in artifact.vocabulary:
            model.set_adapter(entry.group)
            text = prompt.text + candidate_suffix(entry.label, artifact.layout)
            ids = tokenizer(text, return_tensors="pt")["input_ids"]
            model(input_ids=ids, logits_to_keep=1)
    return (time.perf_counter() - started) * 1000
