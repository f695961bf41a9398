"""The candidates of one patient as tokens: what follows the shared prefix, packed in one row."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

Encode = Callable[[str], list[int]]


@dataclass(frozen=True, slots=True)
class PackedSuffixes:
    """The suffixes of several candidates in one row of tokens."""

    ids: Tensor  # (1, tokens) int64
    offsets: Tensor  # (tokens,) position of each token within its own suffix
    own: Tensor  # (tokens, tokens) bool: may the row's token see the column's?
    last: Tensor  # (candidates,) where each suffix ends: the answer position


class TokenizerMerges(ValueError):  # noqa: N818 - a situation, named as such
    """Prefix and suffix cannot be told apart in tokens."""


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


def tokens_after(encode: Encode, before: str, text: str) -> list[int]:
    """Token ids of a text as it follows another; what stands before may change how it is cut.

    Raises:
        TokenizerMerges: the two are merged into one token.
    """
    head, whole = encode(before), encode(before + text)
    if whole[: len(head)] != head:
        raise TokenizerMerges(
            f"the tokenizer merges {before!r} with {text!r}: prefix and suffix cannot be told "
            "apart; use a base model whose tokenizer splits at white space"
        )
    return whole[len(head) :]
