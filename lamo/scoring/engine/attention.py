"""Attention of a decoder: to what is before, and to what is asked behind it.

The suffixes of a patient see a long prefix, which all of them share, and a short block of their
own. Both go through one fused attention with a mask: putting a prefix before a few new keys copies
it, and takes less than half as long as weighing the two parts one after the other.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

KeysValues = tuple[Tensor, Tensor]  # each (batch, key-value heads, tokens, head_dim)


def attend_causally(query: Tensor, new: KeysValues) -> Tensor:
    """Every token sees itself and what is before it.

    Args:
        query: (batch, heads, tokens, head_dim).
        new: keys and values of the same tokens.
    """
    key, value = new
    batch = max(query.shape[0], key.shape[0], value.shape[0])
    query, key, value = (part.expand(batch, -1, -1, -1) for part in (query, key, value))
    grouped = query.shape[1] != key.shape[1]
    return scaled_dot_product_attention(query, key, value, is_causal=True, enable_gqa=grouped)


def attend_behind(
    query: Tensor, past: Sequence[KeysValues], new: KeysValues, own: Tensor
) -> Tensor:
    """Every token sees all of the past, and of the new tokens those that `own` lets it see.

    Args:
        query: (1, heads, asking, head_dim), of all new tokens or of some.
        past: parts of what is before, the same for all tokens.
        new: keys and values of the new tokens.
        own: (asking, tokens) bool.
    """
    key = torch.cat([past_key for past_key, _ in past] + [new[0]], dim=2)
    value = torch.cat([past_value for _, past_value in past] + [new[1]], dim=2)
    seen = torch.cat([own.new_ones(len(own), key.shape[2] - own.shape[1]), own], dim=1)
    grouped = query.shape[1] != key.shape[1]
    return scaled_dot_product_attention(query, key, value, attn_mask=seen, enable_gqa=grouped)
