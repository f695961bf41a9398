"""The statistics of the pages on overrides and drift. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from cds_service.audit.read_model.call_counts import latency_bound

Z_95 = 1.959964  # of the standard normal distribution: 2.5 % lie above
SLIGHT, MARKED = 0.1, 0.25  # of the PSI; after E. M. Lewis, An Introduction to Credit Scoring
HALF = 0.5  # added to every bin
TOO_NOISY = 0.05  # of the PSI that chance alone gives: half of a band

Band = Literal["stable", "slight", "marked", "too few"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A share with its 95 % interval."""

    part: int
    whole: int
    share: float  # 0 to 1
    low: float
    high: float


def wilson(part: int, whole: int) -> Rate | None:
    """The share of a part, with the interval of Wilson (J Am Stat Assoc 1927;22:209-212).

    It takes every card for a draw of its own; cards of one clinician or patient are not, so the
    true interval is wider.

    Returns:
        None where there is nothing to have a share of.

    Raises:
        ValueError: the part is not one.
    """
    if not 0 <= part <= whole:
        raise ValueError(f"{part} of {whole} is no share: pass a part between 0 and the whole")
    if whole == 0:
        return None
    share, spread = part / whole, Z_95**2 / whole
    middle = (share + spread / 2) / (1 + spread)
    half = math.sqrt(share * (1 - share) * spread + spread**2 / 4) / (1 + spread)
    low = 0.0 if part == 0 else max(0.0, middle - half)
    high = 1.0 if part == whole else min(1.0, middle + half)
    return Rate(part=part, whole=whole, share=share, low=low, high=high)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stability:
    """How far two distributions over the same bins are apart."""

    index: float  # the PSI
    by_chance: float  # what it would be on average if nothing had changed
    band: Band


def stability(reference: Mapping[str, int], current: Mapping[str, int]) -> Stability:
    """The population stability index: the sum of (q - p) ln(q / p) over the bins.

    HALF is added to every bin that has anything in either, on both sides, so that an empty bin
    gives a finite number. Were nothing changed, the index would be about chi-squared with one
    degree of freedom less than bins, times (1/n + 1/m): with few events it is large by chance, and
    the usual bands say nothing (Yurdakul, Western Michigan University, 2018).

    Args:
        reference, current: counts by bin; a bin may be missing in either.
    """
    bins = [name for name in {**reference, **current} if reference.get(name) or current.get(name)]
    before = [reference.get(name, 0) + HALF for name in bins]
    after = [current.get(name, 0) + HALF for name in bins]
    if not (any(reference.values()) and any(current.values())):
        return Stability(index=0.0, by_chance=math.inf, band="too few")
    index = sum(_moved(p / sum(before), q / sum(after)) for p, q in zip(before, after, strict=True))
    noise = 1 / sum(reference.values()) + 1 / sum(current.values())
    by_chance = (len(bins) - 1) * noise
    return Stability(index=index, by_chance=by_chance, band=_band(index, by_chance))


def quantile(counts: Mapping[str, int], share: float) -> float | None:
    """Milliseconds that a share of the calls took at the most, read from bins of latency.

    Within a bin the times are taken to be spread evenly over its logarithm, so the answer is at
    the most a bin (26 %) from the true one.
    """
    bins = sorted((int(name), count) for name, count in counts.items() if count)
    wanted, below = share * sum(count for _, count in bins), 0
    for place, count in bins:
        if below + count >= wanted:
            return latency_bound(place) * 10 ** (-(1 - (wanted - below) / count) / 10)
        below += count
    return None


def joined(counts: Sequence[Mapping[str, int]], least: float, other: str) -> list[dict[str, int]]:
    """The same counts, where bins with less than a share of all of them together are one bin."""
    total = sum(sum(one.values()) for one in counts)
    rare = {
        name
        for one in counts
        for name in one
        if sum(each.get(name, 0) for each in counts) < least * total
    }
    return [
        {name: count for name, count in one.items() if name not in rare}
        | ({other: sum(one.get(name, 0) for name in rare)} if rare else {})
        for one in counts
    ]


def _moved(before: float, after: float) -> float:
    return (after - before) * math.log(after / before)


def _band(index: float, by_chance: float) -> Band:
    if by_chance >= TOO_NOISY:
        return "too few"
    if index >= MARKED:
        return "marked"
    return "slight" if index >= SLIGHT else "stable"
