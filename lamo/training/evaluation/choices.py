"""Choices that need no model: the prevalence list, and the best list for given probabilities."""

import torch
from torch import Tensor
from torch.nn.functional import pad

from lamo.policies import TINY


def prevalence_top_k(training: Tensor, visits: int) -> Tensor:
    """The floor: the same list for everyone, as long as the mean prescribed list.

    Args:
        training: (visits, candidates) bool, prescribed in training.
        visits: number of rows wanted.
    """
    length = round(training.float().sum(dim=1).mean().item())
    chosen = torch.zeros(training.shape[1], dtype=torch.bool)
    chosen[training.float().mean(dim=0).topk(length).indices] = True
    return chosen.expand(visits, -1)


def expected_jaccard_choice(probability: Tensor) -> Tensor:
    """Per visit the set of largest expected Jaccard, from probabilities of independent draws.

    The best set of size k is the k most probable. With X of the set and Y of the others prescribed,
    Jaccard is X / (k + Y) and X and Y are independent, so its mean is E[X] E[1 / (k + Y)]; the
    distribution of Y grows by one medication a step. With the generator's true probabilities
    this is the Bayes-optimal list: the limit of any model.

    Args:
        probability: (visits, candidates).
    """
    ordered, order = probability.sort(dim=1, descending=True)
    expected_hits = ordered.cumsum(dim=1)  # E[X] for k = 1..candidates
    visits, candidates = ordered.shape
    others = torch.zeros(visits, candidates + 1)
    others[:, 0] = 1.0  # distribution of Y; k = candidates leaves no others
    counts = torch.arange(candidates + 1, dtype=torch.float32)
    expected = torch.empty(visits, candidates + 1)
    for k in range(candidates, 0, -1):
        expected[:, k] = expected_hits[:, k - 1] * (others / (k + counts)).sum(dim=1)
        p = ordered[:, k - 1 : k]
        others = others * (1 - p) + p * pad(others[:, :-1], (1, 0))
    expected[:, 0] = others[:, 0]  # an empty list is right when nothing is prescribed
    return _first(order, expected.argmax(dim=1, keepdim=True))


def ranked_choice(probability: Tensor, balance: Tensor, size: Tensor) -> Tensor:
    """Per visit the first `size` candidates by balanced log-odds.

    Args:
        probability: (visits, candidates).
        balance: (candidates,) log-odds added to each candidate.
        size: (visits, 1).
    """
    order = (torch.logit(probability, eps=TINY) + balance).argsort(dim=1, descending=True)
    return _first(order, size)


def _first(order: Tensor, size: Tensor) -> Tensor:
    chosen = torch.zeros(order.shape, dtype=torch.bool)
    return chosen.scatter(1, order, torch.arange(order.shape[1])[None] < size)
