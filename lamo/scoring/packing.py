"""The candidates of one patient as tensors: what follows the shared prefix, packed in one row."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from lamo.scoring.tokens import CandidateTokens

PACKINGS_KEPT = 256


@dataclass(frozen=True, slots=True)
class PackedSuffixes:
    """The suffixes of several candidates in one row of tokens."""

    ids: Tensor  # (1, tokens) int64
    offsets: Tensor  # (tokens,) position of each token within its own suffix
    own: Tensor  # (tokens, tokens) bool: may the row's token see the column's?
    last: Tensor  # (candidates,) where each suffix ends: the answer position


def pack_suffixes(suffixes: Sequence[Sequence[int]]) -> PackedSuffixes:
    """Put suffixes into one row; each sees only itself, causally."""
    owner = torch.tensor([i for i, ids in enumerate(suffixes) for _ in ids])
    offsets = torch.tensor([j for ids in suffixes for j in range(len(ids))])
    order = torch.arange(len(owner))
    return PackedSuffixes(
        ids=torch.tensor([[token for ids in suffixes for token in ids]]),
        offsets=offsets,
        own=(owner[:, None] == owner[None]) & (order[:, None] >= order[None]),
        last=torch.tensor([len(ids) for ids in suffixes]).cumsum(0) - 1,
    )


class Packer:
    """Packs candidates; the usual lists are packed once."""

    def __init__(self, tokens: CandidateTokens) -> None:
        self._tokens = tokens
        self._pack = lru_cache(PACKINGS_KEPT)(self._packed)

    def pack(self, labels: Sequence[str]) -> PackedSuffixes:
        """The suffixes of these candidates in one row."""
        return self._pack(tuple(labels))

    def _packed(self, labels: tuple[str, ...]) -> PackedSuffixes:
        return pack_suffixes([self._tokens.suffix(label) for label in labels])
