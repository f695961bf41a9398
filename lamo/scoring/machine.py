"""What this machine has, asked of it when the model is loaded."""

import os
import time
from pathlib import Path

import torch

CGROUP_QUOTA = Path("/sys/fs/cgroup/cpu.max")  # cgroup v2: "max 100000" or "200000 100000"
TOKENS = 256  # rows of the products that are timed: about the suffixes of a formulary
ROUNDS = 5
DTYPES = (torch.float32, torch.bfloat16)


def usable_cores(quota_file: Path = CGROUP_QUOTA) -> int:
    """Processors that this process may keep busy: those it may run on, within its container's."""
    cores = len(os.sched_getaffinity(0))
    try:
        quota, period = quota_file.read_text().split()
    except (OSError, ValueError):
        return cores
    return cores if quota == "max" else max(1, min(cores, int(quota) // int(period)))


def fastest_dtype(width: int, inner: int, device: str) -> torch.dtype:
    """The number format in which this machine multiplies matrices of a model's sizes fastest.

    A processor without bfloat16 units takes twice to ten times as long with it as with float32.
    """
    return min(DTYPES, key=lambda dtype: _seconds(width, inner, dtype, device))


def _seconds(width: int, inner: int, dtype: torch.dtype, device: str) -> float:
    x = torch.ones(TOKENS, width, dtype=dtype, device=device)
    weight = torch.ones(inner, width, dtype=dtype, device=device)
    spent = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        torch.nn.functional.linear(x, weight).sum().item()  # the sum waits for the device
        spent.append(time.perf_counter() - started)
    return min(spent)
