"""The generator's priors: small CSV files of hand-set, rounded numbers."""

import csv
import math
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Row = dict[str, str]

SETTINGS = ("home", "outpatient", "inpatient", "icu")  # the first axis of every prior
FLOOR = 2e-5  # the least probability of anything that is not ruled out


def read_table(name: str) -> list[Row]:
    """The rows of one of the generator's CSV files."""
    text = (files("lamo.synthetic") / "data" / f"{name}.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def cells(text: str) -> tuple[str, ...]:
    """The parts of a cell that holds several, separated by semicolons."""
    return tuple(part.strip() for part in text.split(";") if part.strip())


def log_odds(probability: float) -> float:
    """The logit, kept away from minus infinity by the floor."""
    kept = min(max(probability, FLOOR), 1 - FLOOR)
    return math.log(kept / (1 - kept))


def sigmoid(logits: Floats) -> Floats:
    """Elementwise 1 / (1 + exp(-x))."""
    result: Floats = 1.0 / (1.0 + np.exp(-logits))
    return result
