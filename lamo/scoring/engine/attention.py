"""Attention of a decoder: to what is before, and to what is asked behind it.

The suffixes of a patient see a long prefix, which all of them share, and a short block of their
own. Both go through one fused attention with a mask: putting a prefix before a few new keys copies
it, and takes less than half as long as weighing the two parts one after the other.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

ROW = 16

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
    query: Tensor, past: Sequence[KeysValues], new: KeysValues, seen: Tensor
) -> Tensor:
    """Every token sees of the past and of the new tokens what `seen` lets it see.

    Heads that share keys stand one behind the other as if they were more tokens: no kernel of an
    accelerator takes a mask and shared keys together.

    Args:
        query: (batch, heads, asking, head_dim), of all new tokens or of some.
        past: parts of what is before, the same for all tokens.
        new: keys and values of the new tokens.
        seen: added to the weights, as `seen_behind` makes it; of 2 or 4 dimensions, or the kernel
            for processors does without its fast way.
    """
    key = torch.cat([past_key for past_key, _ in past] + [new[0]], dim=2)
    value = torch.cat([past_value for _, past_value in past] + [new[1]], dim=2)
    batch, _, _, head_dim = query.shape
    folded = query.reshape(batch, key.shape[1], -1, head_dim)
    return scaled_dot_product_attention(folded, key, value, attn_mask=seen).reshape(query.shape)


def seen_behind(own: Tensor, past: int, sharing: int, like: Tensor) -> Tensor:
    """What tokens see: all of the past, and of the new tokens those that `own` lets them see.

    Args:
        own: (..., asking, tokens) bool.
        past: tokens before.
        sharing: heads that share the keys of one.
        like: a tensor of the device and the number format of the queries.

    Returns:
        (..., sharing * asking, past + tokens): 0 where a token sees another, else minus infinity.
        A row takes a multiple of ROW numbers in memory, or the kernel copies it each time.
    """
    width = past + own.shape[-1]
    seen = like.new_zeros(*own.shape[:-1], width + -width % ROW)
    seen[..., past:width].masked_fill_(~own.to(like.device), float("-inf"))
    return torch.cat([seen] * sharing, dim=-2)[..., :width]
