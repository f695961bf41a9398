"""placeholder"""
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Prompt:
    """Everything before the candidate's name."""

    text: str
    version: str
