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

    def to(self, device: torch.device | str) -> "PackedSuffixes":
        """The same on another device."""
        moved = (part.to(device) for part in (self.ids, self.offsets, self.own, self.last))
        return PackedSuffixes(*moved)


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


def behind(tail: Sequence[int], packed: PackedSuffixes) -> PackedSuffixes:
    """The end of a prompt and the suffixes behind it in one row: each sees all of that end."""
    length, tokens = len(tail), len(tail) + packed.ids.shape[1]
    device = packed.own.device
    own = packed.own.new_zeros(tokens, tokens)
    own[:, :length] = own.new_ones(tokens, length).tril()
    own[length:, length:] = packed.own
    return PackedSuffixes(
        ids=torch.cat([torch.tensor([tail], dtype=torch.int64, device=device), packed.ids], dim=1),
        offsets=torch.cat([torch.arange(length, device=device), length + packed.offsets]),
        own=own,
        last=length + packed.last,
    )


class Packer:
    """Packs candidates where the model is; the usual lists are packed once."""

    def __init__(self, tokens: CandidateTokens, device: str) -> None:
        self._tokens, self._device = tokens, device
        self._pack = lru_cache(PACKINGS_KEPT)(self._packed)

    def pack(self, labels: Sequence[str], tail: Sequence[int] = ()) -> PackedSuffixes:
        """The suffixes of these candidates in one row, behind the end of a prompt if given."""
        return self._pack(tuple(labels), tuple(tail))

    def _packed(self, labels: tuple[str, ...], tail: tuple[int, ...]) -> PackedSuffixes:
        suffixes = [self._tokens.suffix(label) for label in labels]
        packed = pack_suffixes(suffixes).to(self._device)
        return behind(tail, packed) if tail else packed
