"""From log-odds to probabilities and thresholds, per medication, on validation visits only.

A greedy "Yes" (log-odds above 0), the original's rule, prescribes common drugs too often and
forgets rare ones (LAMO's logs: 1.18 of the prescribed count in the most frequent group, 0.55 in
the rarest). Here every medication has its own numbers, shrunk to those of its group where it was
prescribed too rarely to tell.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lamo.training.balance import PSEUDO_COUNT, balance_of, wanted_counts
from lamo.training.isotonic import better_curves, curve_values
from lamo.training.platt import platt

SUPPORTED_SHARE = 0.95  # of the new orders of a medication lie above its support_at

Curves = tuple[tuple[tuple[float, float], ...], ...]


@dataclass(frozen=True, slots=True)
class Calibration:
    """One row per medication of the vocabulary, in its order."""

    slope: Tensor  # (candidates,)
    bias: Tensor  # (candidates,)
    recommend_at: Tensor  # (candidates,) log-odds
    support_at: Tensor  # (candidates,) log-odds
    base_rate: Tensor  # (candidates,)
    balance: Tensor  # (candidates,) log-odds
    curves: Curves = ()  # per medication (log-odds, probability); empty: slope and bias hold

    def probabilities(self, log_odds: Tensor) -> Tensor:
        """(visits, candidates) log-odds -> calibrated probabilities."""
        return _probabilities(log_odds, self.slope, self.bias, self.curves)

    def entry(self, index: int) -> dict[str, Any]:
        """The numbers of one medication, as the artifact's vocabulary keeps them."""
        names = ("base_rate", "slope", "bias", "recommend_at", "support_at", "balance")
        numbers = {name: round(float(getattr(self, name)[index]), 4) for name in names}
        return numbers | {"curve": self.curves[index] if self.curves else ()}


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationPlan:
    """What may be known of validation beside scores and prescriptions."""

    groups: Tensor | None = None  # (candidates,) int64, the group of each; None: all are one
    patients: Sequence[Hashable] | None = None  # of each visit; None: no isotonic curve is tried
    at_home: Tensor | None = None  # (visits, candidates) bool: taken before; None: not known


def calibrate(
    log_odds: Tensor, prescribed: Tensor, plan: CalibrationPlan | None = None
) -> Calibration:
    """Fit all numbers on validation visits.

    Args:
        log_odds: (visits, candidates) float32.
        prescribed: (visits, candidates) bool.
        plan: groups to shrink to, and patients, by which isotonic curves are held out.
    """
    plan = plan or CalibrationPlan()
    groups = (
        torch.zeros(log_odds.shape[1], dtype=torch.long) if plan.groups is None else plan.groups
    )
    slope, bias = platt(log_odds, prescribed, groups)
    curves: Curves = ()
    if plan.patients is not None:
        curves = better_curves(log_odds, prescribed, groups, plan.patients)
    probability = _probabilities(log_odds, slope, bias, curves)
    recommend_at = _count_matching(log_odds, prescribed, probability)
    return Calibration(
        slope=slope,
        bias=bias,
        recommend_at=recommend_at,
        support_at=_supported(log_odds, _started(prescribed, plan), recommend_at),
        base_rate=prescribed.float().mean(dim=0),
        balance=balance_of(probability, prescribed),
        curves=curves,
    )


def _probabilities(log_odds: Tensor, slope: Tensor, bias: Tensor, curves: Curves) -> Tensor:
    probability = torch.sigmoid(slope * log_odds + bias)
    for index, curve in enumerate(curves):
        if curve:
            probability[:, index] = curve_values(log_odds[:, index], curve)
    return probability


def _count_matching(log_odds: Tensor, prescribed: Tensor, probability: Tensor) -> Tensor:
    """Per medication, the threshold above which as many visits lie as are to be expected.

    Visits with the very same score cannot be told apart: the threshold goes above or below all
    of them, whichever is nearer to the count.
    """
    wanted = wanted_counts(prescribed, probability)
    counts = wanted.round().clamp(min=1, max=len(log_odds) - 1).long()
    ordered = log_odds.sort(dim=0, descending=True).values
    upper = ordered.gather(0, (counts - 1)[None])[0]
    above = (log_odds > upper).sum(dim=0)  # were the threshold just above the ties
    below = (log_odds >= upper).sum(dim=0)  # were it just below them
    kept = torch.where((counts - above) < (below - counts), above, below).clamp(min=1)
    last = ordered.gather(0, (kept - 1)[None])[0]
    following = ordered.gather(0, kept.clamp(max=len(log_odds) - 1)[None])[0]
    never = ~prescribed.any(dim=0)
    return torch.where(never, ordered[0] + 1.0, (last + following) / 2)


def _started(prescribed: Tensor, plan: CalibrationPlan) -> Tensor:
    """The prescriptions that begin here.

    What goes on from home scores far higher than what begins, so that a threshold over both would
    lie between the two, and nearly every new start under it.
    """
    return prescribed if plan.at_home is None else prescribed & ~plan.at_home


def _supported(log_odds: Tensor, prescribed: Tensor, recommend_at: Tensor) -> Tensor:
    """Per medication, the log-odds that SUPPORTED_SHARE of these prescriptions exceed."""
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
