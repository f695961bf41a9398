"""What is asked of a decoder: candidates of a group, and what was read before them."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lamo.scoring.engine.attention import KeysValues
from lamo.scoring.packing import PackedSuffixes

BASE = -1  # stands for the base model alone where a group's index would


@dataclass(frozen=True, slots=True)
class Part:
    """Keys and values of a stretch of tokens, by layer, of one group or of the base model."""

    layers: tuple[KeysValues, ...]  # each (1, key-value heads, tokens, head_dim)

    @property
    def tokens(self) -> int:
        """How many tokens were read."""
        return self.layers[0][0].shape[2]

    @property
    def bytes(self) -> int:
        """What it holds in memory."""
        return sum(part.nbytes for pair in self.layers for part in pair)


@dataclass(frozen=True, slots=True)
class Question:
    """The candidates of one group, and what was read before them."""

    group: int  # or BASE
    past: Sequence[Part]  # in order; the positions of the suffixes follow on them
    packed: PackedSuffixes

    @property
    def before(self) -> int:
        """How many tokens were read before."""
        return sum(part.tokens for part in self.past)


def following(sizes: Sequence[int]) -> list[slice]:
    """Where stretches of these sizes lie when one follows on the other."""
    ends = torch.tensor(sizes).cumsum(0).tolist()
    return [slice(end - size, end) for size, end in zip(sizes, ends, strict=True)]


def tokens_of(questions: Sequence[Question]) -> list[slice]:
    """Where each question lies in the row of all their tokens."""
    return following([question.packed.ids.shape[1] for question in questions])


def answers_of(questions: Sequence[Question]) -> Tensor:
    """Where the answers are given in that row."""
    parts = tokens_of(questions)
    ends = [part.start + q.packed.last for q, part in zip(questions, parts, strict=True)]
    return torch.cat(ends)
