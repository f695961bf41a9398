"""Linear layers with the adapters of several groups at once."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import linear

from lamo.scoring.engine.questions import BASE
from lamo.scoring.engine.weights import Linear


class Adapters(Protocol):
    """Which adapter acts on which tokens."""

    def apply(self, module: Linear, x: Tensor) -> Tensor:
        """(batch, tokens, in) -> (batch, tokens, out), adapters included."""


class Stacked:
    """A row of the batch for each adapter; until they have made a difference, one for all."""

    def __init__(self, groups: Sequence[int], device: torch.device) -> None:
        self._chosen = torch.tensor(groups, device=device) if groups else None

    def apply(self, module: Linear, x: Tensor) -> Tensor:
        """(1 or adapters, tokens, in) -> (adapters, tokens, out); (1, ...) without adapters."""
        y = linear(x, module.weight, module.bias)
        if module.lora is None or self._chosen is None:
            return y
        a, b = module.lora.a[self._chosen], module.lora.b[self._chosen]
        return y + (x @ a.transpose(1, 2)) @ b.transpose(1, 2)


class SideBySide:
    """Stretches of one row, adapter after adapter: nothing is multiplied in vain."""

    def __init__(self, groups: Sequence[tuple[int, slice]]) -> None:
        self._groups = [(group, part) for group, part in _joined(groups) if group != BASE]

    def apply(self, module: Linear, x: Tensor) -> Tensor:
        """(1, tokens, in) -> (1, tokens, out), adapters included."""
        y = linear(x, module.weight, module.bias)
        if module.lora is not None:
            for group, part in self._groups:
                low = linear(x[0, part], module.lora.a[group])
                y[0, part].addmm_(low, module.lora.b[group].t())
        return y


class Masked:
    """Every adapter on every token, and what it should not have said set to zero.

    An accelerator multiplies so much more than it should in less time than it takes to be told of
    one product for each adapter.
    """

    def __init__(
        self, groups: Sequence[tuple[int, slice]], adapters: int, device: torch.device
    ) -> None:
        acts = torch.zeros(groups[-1][1].stop, adapters, 1, dtype=torch.bool)
        for group, part in groups:
            if group != BASE:
                acts[part, group] = True
        self._acts = acts.to(device)  # (tokens, adapters, 1)

    def apply(self, module: Linear, x: Tensor) -> Tensor:
        """(1, tokens, in) -> (1, tokens, out), adapters included."""
        y = linear(x, module.weight, module.bias)
        if module.lora is not None:
            low = linear(x[0], module.lora.a.flatten(0, 1)).unflatten(1, (-1, module.lora.rank))
            low *= self._acts
            y[0].addmm_(low.flatten(1), module.lora.b.transpose(1, 2).flatten(0, 1))
        return y


def _joined(groups: Sequence[tuple[int, slice]]) -> list[tuple[int, slice]]:
    """Neighbours of one group as one stretch."""
    found: list[tuple[int, slice]] = []
    for group, part in groups:
        if found and found[-1][0] == group:
            found[-1] = (group, slice(found[-1][1].start, part.stop))
        else:
            found.append((group, part))
    return found
