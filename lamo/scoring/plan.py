"""How much of the machine the model in this process may use, and in which number format."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from lamo.scoring.machine import fastest_dtype

DtypeName = Literal["float32", "bfloat16", "fastest"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalPlan:
    """The choices of who runs the service."""

    threads: int | None = None  # None: as torch chooses
    device: str = "cpu"  # in torch's words
    dtype: DtypeName = "float32"  # "fastest": what this machine is quicker with, as measured
    cache_bytes: int = 256 * 1024 * 1024  # of prefixes kept between calls
    most_waiting: int = 32  # calls that wait for the engine

    def dtype_for(self, base_model: Path) -> torch.dtype:
        """The number format for this model."""
        if self.dtype != "fastest":
            return torch.float32 if self.dtype == "float32" else torch.bfloat16
        config = json.loads((base_model / "config.json").read_text())
        return fastest_dtype(config["hidden_size"], config["intermediate_size"], self.device)


DEFAULT_PLAN = LocalPlan()
