"""Queries against keys and values that lie in several places, none of them copied.

The suffixes of a patient see a long prefix, which all of them share, and a short block of their
own. One softmax goes over the scores of both parts; the values are weighed part by part.
"""

import math
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
        query: (1, heads, tokens, head_dim).
        past: parts of what is before, the same for all tokens.
        new: keys and values of the same tokens.
        own: (tokens, tokens) bool.
    """
    _, heads, tokens, head_dim = query.shape
    key, value = new
    shared = heads // key.shape[1]  # query heads of one key-value head
    rows = query.reshape(1, key.shape[1], shared * tokens, head_dim) / math.sqrt(head_dim)
    hidden = ~own.repeat(shared, 1)
    scores = [rows @ past_key.transpose(-1, -2) for past_key, _ in past]
    scores.append((rows @ key.transpose(-1, -2)).masked_fill(hidden, -math.inf))
    values = [past_value for _, past_value in past] + [value]
    lengths = [part.shape[2] for part in values]
    weights = torch.cat(scores, dim=-1).softmax(dim=-1).split(lengths, dim=-1)
    mixed = sum(weight @ part for weight, part in zip(weights, values, strict=True))
    return torch.as_tensor(mixed).reshape(1, heads, tokens, head_dim)
