"""One training run: its recipe, its folders and the processes that share it."""

from dataclasses import dataclass
from pathlib import Path

from accelerate import Accelerator

from lamo.training.stages.config import TrainConfig

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What every stage is given."""

    config: TrainConfig
    work: Path  # the folder that holds the stages' folders
    accelerator: Accelerator
    command: str = "lamo-cds train all"  # what was typed, for reports
    group: str | None = None  # adapters: train this group only

    def folder(self, stage: str) -> Path:
        """The folder of a stage."""
        return self.work / stage
