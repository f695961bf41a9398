"""Whether a probability means what it says: of those given 0.3, were three in ten prescribed?"""

import torch
from torch import Tensor

BINS = 20


def calibration_error(
    probability: Tensor, prescribed: Tensor, bins: int = BINS
) -> dict[str, float]:
    """Class-wise expected calibration error and Brier score.

    The error of a medication is the mean, over its visits, of the distance between the mean
    probability and the prescribed share of the visit's bin; bins are of equal width. `ece` is its
    mean over medications, `ece_pooled` is of all pairs as one class.

    Args:
        probability: (visits, candidates) in [0, 1].
        prescribed: (visits, candidates) bool.
        bins: how many there are.
    """
    own = _errors(probability.double(), prescribed, bins)
    pooled = _errors(probability.double().reshape(-1, 1), prescribed.reshape(-1, 1), bins)
    squares = (probability.double() - prescribed.double()).square()
    return {
        "ece": own.mean().item(),
        "ece_pooled": pooled.mean().item(),
        "brier": squares.mean().item(),
    }


def reliability_table(
    probability: Tensor, prescribed: Tensor, bins: int = BINS
) -> list[dict[str, float]]:
    """One row per bin that holds a pair: its edge, mean probability, prescribed share and size."""
    counts, expected, observed = _binned(
        probability.double().reshape(-1, 1), prescribed.reshape(-1, 1), bins
    )
    return [
        {
            "from": index / bins,
            "probability": (expected[index] / counts[index]).item(),
            "prescribed": (observed[index] / counts[index]).item(),
            "pairs": counts[index].item(),
        }
        for index in range(bins)
        if counts[index] > 0
    ]


def _errors(probability: Tensor, prescribed: Tensor, bins: int) -> Tensor:
    """(columns,): the calibration error of each column."""
    _, expected, observed = _binned(probability, prescribed, bins)
    return (expected - observed).abs().sum(dim=0) / len(probability)


def _binned(probability: Tensor, prescribed: Tensor, bins: int) -> tuple[Tensor, Tensor, Tensor]:
    """(bins, columns) each: number of pairs, sum of probabilities, number prescribed."""
    place = (probability * bins).long().clamp(max=bins - 1)
    empty = torch.zeros(bins, probability.shape[1], dtype=torch.float64)
    return (
        empty.scatter_add(0, place, torch.ones_like(probability)),
        empty.scatter_add(0, place, probability),
        empty.scatter_add(0, place, prescribed.double()),
    )
