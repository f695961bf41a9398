"""How much of the machine the model in this process may use, and in which number format."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from lamo.scoring.machine import fastest_dtype, usable_cores

SMALL_HIDDEN_SIZE = 256

DtypeName = Literal["float32", "bfloat16", "fastest"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalPlan:
    """The choices of who runs the service."""

    threads: int | None = None  # None: one for a small model, else its share of the machine
    processes: int = 1  # that share the machine, each with a model
    device: str = "cpu"  # in torch's words
    dtype: DtypeName = "float32"  # "fastest": what this machine is quicker with, as measured
    cache_bytes: int = 256 * 1024 * 1024  # of prefixes kept between calls
    most_waiting: int = 32  # calls that wait for the engine

    def threads_for(self, base_model: Path) -> int:
        """Processor threads for this model.

        Threads wait for each other at every layer. A small model gains a tenth by a second one on
        a quiet machine, and takes ten times as long when something else has that core.
        """
        if self.threads is not None:
            return self.threads
        if _config(base_model)["hidden_size"] <= SMALL_HIDDEN_SIZE:
            return 1
        return max(1, usable_cores() // self.processes)

    def dtype_for(self, base_model: Path) -> torch.dtype:
        """The number format for this model."""
        if self.dtype != "fastest":
            return torch.float32 if self.dtype == "float32" else torch.bfloat16
        config = _config(base_model)
        return fastest_dtype(config["hidden_size"], config["intermediate_size"], self.device)


DEFAULT_PLAN = LocalPlan()


def _config(base_model: Path) -> dict[str, Any]:
    config: dict[str, Any] = json.loads((base_model / "config.json").read_text())
    return config
