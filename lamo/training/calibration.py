"""From log-odds to probabilities and thresholds, per medication, on validation visits only.

A greedy "Yes" (log-odds above 0), the original's rule, prescribes common drugs too often and
forgets rare ones (LAMO's logs: 1.18 of the prescribed count in the most frequent group, 0.55 in
the rarest). Here every medication has its own numbers, shrunk to those of all where it was
prescribed too rarely to tell.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

SUPPORTED_SHARE = 0.95  # of the prescribed orders of a medication lie above its support_at
PRIOR_STRENGTH = 4.0  # how many visits' worth of evidence a medication's own bias needs
PSEUDO_COUNT = 10.0  # prescribed visits at which a medication's own quantile weighs half


@dataclass(frozen=True, slots=True)
class Calibration:
    """One row per medication of the vocabulary, in its order."""

    slope: Tensor  # (candidates,)
    bias: Tensor  # (candidates,)
    recommend_at: Tensor  # (candidates,) log-odds
    support_at: Tensor  # (candidates,) log-odds
    base_rate: Tensor  # (candidates,)

    def probabilities(self, log_odds: Tensor) -> Tensor:
        """(visits, candidates) log-odds -> calibrated probabilities."""
        return torch.sigmoid(self.slope * log_odds + self.bias)


def calibrate(log_odds: Tensor, prescribed: Tensor) -> Calibration:
    """Fit all numbers on validation visits.

    Args:
        log_odds: (visits, candidates) float32.
        prescribed: (visits, candidates) bool.
    """
    slope, bias = _platt(log_odds, prescribed.float())
    probability = torch.sigmoid(slope * log_odds + bias)
    recommend_at = _count_matching(log_odds, prescribed, probability)
    return Calibration(
        slope=slope,
        bias=bias,
        recommend_at=recommend_at,
        support_at=_supported(log_odds, prescribed, recommend_at),
        base_rate=prescribed.float().mean(dim=0),
    )


def _platt(log_odds: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Sigmoid scaling with a slope and a bias per medication, shrunk to one slope and bias."""
    candidates = log_odds.shape[1]
    shared = torch.tensor([1.0, 0.0], requires_grad=True)
    own = torch.zeros(2, candidates, requires_grad=True)
    optimizer = torch.optim.LBFGS([shared, own], max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        logits = (shared[0] + own[0]) * log_odds + shared[1] + own[1]
        loss = binary_cross_entropy_with_logits(logits, target, reduction="sum")
        loss = loss + PRIOR_STRENGTH * (own[0].square().sum() * 4 + own[1].square().sum()) / 2
        loss.backward()
        return loss

    optimizer.step(closure)
    slope, bias = (shared[:, None] + own).detach()
    return slope.clamp(min=0.05), bias


def _count_matching(log_odds: Tensor, prescribed: Tensor, probability: Tensor) -> Tensor:
    """Per medication, the threshold above which as many visits lie as were prescribed.

    The count to match is the expected one (sum of probabilities), which is less noisy than the
    observed one for rare medications and equal to it in expectation.
    """
    visits = log_odds.shape[0]
    counts = probability.sum(dim=0).round().clamp(min=1, max=visits - 1).long()
    ordered = log_odds.sort(dim=0, descending=True).values
    upper = ordered.gather(0, (counts - 1)[None])[0]
    lower = ordered.gather(0, counts[None])[0]
    never = prescribed.sum(dim=0) == 0
    return torch.where(never, ordered[0] + 1.0, (upper + lower) / 2)


def _supported(log_odds: Tensor, prescribed: Tensor, recommend_at: Tensor) -> Tensor:
    """Per medication, the log-odds that SUPPORTED_SHARE of its prescribed visits exceed."""
    gap = log_odds - recommend_at  # comparable between medications
    pooled = torch.quantile(_sample(gap[prescribed]), 1 - SUPPORTED_SHARE)
    values = []
    for index in range(log_odds.shape[1]):
        own = gap[prescribed[:, index], index]
        weight = len(own) / (len(own) + PSEUDO_COUNT)
        quantile = torch.quantile(own, 1 - SUPPORTED_SHARE) if len(own) else pooled
        values.append(weight * quantile + (1 - weight) * pooled)
    return recommend_at + torch.stack(values).clamp(max=0.0)


def _sample(values: Tensor, most: int = 1_000_000) -> Tensor:
    """torch.quantile takes at most 16 million values: an even sample is as good."""
    return values[:: max(1, len(values) // most)]
