"""A monotone curve from log-odds to probability, where it predicts unseen patients better.

Slope and bias assume one shape. A medication with many prescriptions can show its own: the
pool-adjacent-violators fit, flat on its blocks and linear between them. It is kept only where,
over folds of patients, it predicted the patients left out better than slope and bias did.
"""

from collections.abc import Hashable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from lamo.probability import Curve
from lamo.training.platt import platt

LEAST_POSITIVES = 200  # prescribed visits from which a curve is tried
FOLDS = 4
PSEUDO_VISITS = 1.0  # at the medication's own rate, in every block: no 0 and no 1
MOST_POINTS = 24  # of a curve in the artifact

Points = tuple[tuple[float, float], ...]


class _Block(NamedTuple):
    """Visits that lie together in score and share one probability."""

    first: float
    last: float
    visits: int
    hits: int

    def joined(self, following: "_Block") -> "_Block":
        """Both as one."""
        visits, hits = self.visits + following.visits, self.hits + following.hits
        return _Block(self.first, following.last, visits, hits)


def better_curves(
    log_odds: Tensor, prescribed: Tensor, groups: Tensor, patients: Sequence[Hashable]
) -> tuple[Points, ...]:
    """A curve for each medication that it serves better than slope and bias, else ().

    Args:
        log_odds: (visits, candidates).
        prescribed: (visits, candidates) bool.
        groups: (candidates,) as `platt` takes them.
        patients: of each visit; no patient is in two folds.
    """
    tried = (prescribed.sum(dim=0) >= LEAST_POSITIVES).nonzero()[:, 0].tolist()
    if not tried:
        return tuple(() for _ in range(log_odds.shape[1]))
    excess = torch.zeros(log_odds.shape[1])
    for held_out in patient_folds(patients, FOLDS):
        slope, bias = platt(log_odds[~held_out], prescribed[~held_out], groups)
        for index in tried:
            scores, drawn = log_odds[:, index], prescribed[:, index]
            curve = isotonic(scores[~held_out], drawn[~held_out])
            ours = curve_values(scores[held_out], curve)
            theirs = torch.sigmoid(slope[index] * scores[held_out] + bias[index])
            excess[index] += _log_loss(ours, drawn[held_out]) - _log_loss(theirs, drawn[held_out])
    kept = {index for index in tried if excess[index] < 0}
    return tuple(
        isotonic(log_odds[:, index], prescribed[:, index]) if index in kept else ()
        for index in range(log_odds.shape[1])
    )


def patient_folds(patients: Sequence[Hashable], folds: int) -> Iterator[Tensor]:
    """Masks (visits,) of what each fold holds out; patients are dealt in order of appearance."""
    number: dict[Hashable, int] = {}
    fold = torch.tensor([number.setdefault(one, len(number)) % folds for one in patients])
    for index in range(folds):
        yield fold == index


def isotonic(log_odds: Tensor, prescribed: Tensor) -> Points:
    """Fit one medication's curve: increasing points (log-odds, probability).

    Args:
        log_odds: (visits,).
        prescribed: (visits,) bool.
    """
    rate = float(prescribed.float().mean())
    order = log_odds.argsort()
    blocks: list[_Block] = []
    for score, drawn in zip(log_odds[order].tolist(), prescribed[order].tolist(), strict=True):
        block = _Block(score, score, 1, int(drawn))
        while blocks and blocks[-1].hits * block.visits >= block.hits * blocks[-1].visits:
            block = blocks.pop().joined(block)
        blocks.append(block)
    points = [
        (edge, (block.hits + PSEUDO_VISITS * rate) / (block.visits + PSEUDO_VISITS))
        for block in _at_most(blocks, MOST_POINTS // 2)
        for edge in (block.first, block.last)
    ]
    return _increasing(points)


def curve_values(log_odds: Tensor, curve: Curve) -> Tensor:
    """What `lamo.probability.calibrated` gives with the curve, for a whole tensor."""
    x, y = torch.tensor(curve, dtype=log_odds.dtype).T.contiguous()
    if len(x) == 1:
        return torch.full_like(log_odds, curve[0][1])
    right = torch.searchsorted(x, log_odds.contiguous()).clamp(1, len(x) - 1)
    part = (log_odds - x[right - 1]) / (x[right] - x[right - 1])
    values: Tensor = y[right - 1] + part.clamp(0, 1) * (y[right] - y[right - 1])
    return values


def _at_most(blocks: Sequence[_Block], most: int) -> list[_Block]:
    """Join the smallest block with its smaller neighbour until there are few enough."""
    kept = list(blocks)
    while len(kept) > most:
        at = min(range(len(kept)), key=lambda index: kept[index].visits)
        sides = [side for side in (at - 1, at + 1) if 0 <= side < len(kept)]
        other = min(sides, key=lambda index: kept[index].visits)
        first, second = sorted((at, other))
        kept[first : second + 1] = [kept[first].joined(kept[second])]
    return kept


def _increasing(points: list[tuple[float, float]]) -> Points:
    """Rounded for the artifact; a point that does not lie right of the last one is dropped."""
    kept: list[tuple[float, float]] = []
    for log_odds, probability in points:
        point = (round(log_odds, 4), round(probability, 5))
        if not kept or (point[0] > kept[-1][0] and point[1] >= kept[-1][1]):
            kept.append(point)
    return tuple(kept)


def _log_loss(probability: Tensor, drawn: Tensor) -> float:
    likelihood = torch.where(drawn, probability, 1 - probability)
    return float(-likelihood.clamp(min=1e-7).log().sum())
