"""How far each medication is moved in the ranking, so that rare ones get their share of lists.

The list of largest expected Jaccard is one of likely medications: it forgets what is rarely
prescribed, even when every probability is true (`docs/evaluation/demo-artifact.md`, first row).
Adding a constant per medication to its log-odds before ranking, while the list keeps its length,
brings every medication near the count in which it is prescribed.
"""

import torch
from torch import Tensor

from lamo.training.evaluation.choices import expected_jaccard_choice, ranked_choice

PSEUDO_COUNT = 10.0  # prescribed visits at which a medication's own numbers weigh half
WITHIN = (0.75, 1.25)  # recommended / wanted, per medication, on the visits it is fitted on
ROUNDS, STEP = 120, 0.25
HALF = 0.5  # added to both counts of a ratio, so that a count of zero has one


def wanted_counts(prescribed: Tensor, probability: Tensor) -> Tensor:
    """(candidates,): in how many of these visits each medication is to be expected.

    The observed count, mixed with the calibrated one (sum of probabilities, which borrows from
    the group) where there are few.

    Args:
        prescribed: (visits, candidates) bool.
        probability: (visits, candidates), calibrated.
    """
    observed, expected = prescribed.sum(dim=0).float(), probability.sum(dim=0)
    weight = observed / (observed + PSEUDO_COUNT)
    return weight * observed + (1 - weight) * expected


def balance_of(probability: Tensor, prescribed: Tensor) -> Tensor:
    """(candidates,) log-odds to add to each medication before ranking.

    Args:
        probability: (visits, candidates), calibrated.
        prescribed: (visits, candidates) bool.
    """
    size = expected_jaccard_choice(probability).sum(dim=1, keepdim=True)
    wanted = wanted_counts(prescribed, probability) + HALF
    balance = torch.zeros(probability.shape[1])
    for _ in range(ROUNDS):
        ratio = (ranked_choice(probability, balance, size).sum(dim=0) + HALF) / wanted
        balance += STEP * (ratio.clamp(*WITHIN) / ratio).log()
    return balance
