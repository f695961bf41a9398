"""How steps are made from gradients: AdamW as in LAMO, or Muon for the matrices of a new model.

Muon (K. Jordan and others, 2024; `torch.optim.Muon`) makes every step of a matrix orthogonal, so
that directions which few visits speak for move as far as common ones. A model trained from nothing
has to learn hundreds of rare pairs of condition and medication, and learns them much
faster so (docs/experiments.md). Embeddings, norms and adapters keep AdamW.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn
from torch.optim import AdamW, Muon, Optimizer
from torch.optim.lr_scheduler import LambdaLR

__all__ = ["Rates", "make_optimizers", "make_schedulers"]

BETAS = (0.9, 0.98)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Which optimizer, how fast, and how the speed changes over a run."""

    learning_rate: float
    warmup_steps: int
    schedule: Literal["cosine", "inverse-sqrt"]  # inverse-sqrt is LAMO's
    weight_decay: float = 0.01
    optimizer: Literal["adamw", "muon"] = "adamw"
    matrix_learning_rate: float = 0.02  # Muon's, for the matrices of the layers


def make_optimizers(model: Any, trained: Sequence[nn.Parameter], rates: Rates) -> list[Optimizer]:
    """One optimizer over all that is trained, or Muon for the matrices and AdamW for the rest."""
    matrices = _matrices(model, trained) if rates.optimizer == "muon" else []
    taken = {id(parameter) for parameter in matrices}
    rest = [parameter for parameter in trained if id(parameter) not in taken]
    optimizers: list[Optimizer] = [
        AdamW(rest, lr=rates.learning_rate, weight_decay=rates.weight_decay, betas=BETAS)
    ]
    if matrices:
        decay = rates.weight_decay
        optimizers.append(Muon(matrices, lr=rates.matrix_learning_rate, weight_decay=decay))
    return optimizers


def make_schedulers(optimizers: Sequence[Optimizer], rates: Rates, steps: int) -> list[LambdaLR]:
    """The same course for every optimizer, each from its own rate."""
    return [LambdaLR(optimizer, _course(rates, steps)) for optimizer in optimizers]


def _matrices(model: Any, trained: Sequence[nn.Parameter]) -> list[nn.Parameter]:
    """The trained matrices that are no embeddings."""
    tables = {id(p) for p in torch.nn.ModuleList(_embeddings(model)).parameters()}
    return [one for one in trained if one.ndim == 2 and id(one) not in tables]


def _embeddings(model: Any) -> list[nn.Module]:
    return [model.get_input_embeddings(), model.get_output_embeddings()]


def _course(rates: Rates, steps: int) -> Callable[[int], float]:
    def factor(step: int) -> float:
        warm = min(1.0, (step + 1) / rates.warmup_steps)
        if rates.schedule == "inverse-sqrt":
            return warm * math.sqrt(rates.warmup_steps / max(step + 1, rates.warmup_steps))
        done = max(0, step - rates.warmup_steps) / max(1, steps - rates.warmup_steps)
        return warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))

    return factor
