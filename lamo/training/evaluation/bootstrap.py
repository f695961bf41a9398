"""Intervals by resampling patients, the same patients for every system, so that pairs compare.

A patient's visits are alike: resampling visits would make intervals too narrow. Every metric here
is a sum over visits divided by another, so all resamples are one product of a matrix (how often
each patient was drawn) with the sums per patient.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import isnan

import torch
from torch import Tensor

RESAMPLES = 1000


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether zero lies outside: for a difference, whether it is one."""
        return self.low > 0 or self.high < 0

    def to_json(self) -> dict[str, float | None]:
        """The three numbers to four decimals; null for one that there is not."""
        numbers = asdict(self).items()
        return {name: None if isnan(number) else round(number, 4) for name, number in numbers}


class Resamples:
    """Patients drawn with replacement, `count` times, from a seed."""

    def __init__(self, patients: Sequence[str], seed: int, count: int = RESAMPLES) -> None:
        if not patients:
            raise ValueError("no visit to resample: evaluate a split that has at least one")
        places = {name: place for place, name in enumerate(dict.fromkeys(patients))}
        self._patient = torch.tensor([places[name] for name in patients])  # (visits,)
        self.patients = len(places)
        generator = torch.Generator().manual_seed(seed)
        drawn = torch.randint(self.patients, (count, self.patients), generator=generator)
        # (count, patients): how often each was drawn
        self._times = torch.zeros(count, self.patients).scatter_add_(
            1, drawn, torch.ones(drawn.shape)
        )

    def mean(self, values: Tensor, rows: Tensor | None = None) -> Interval:
        """The mean over visits, or over the visits where `rows` is true.

        Args:
            values: (visits,).
            rows: (visits,) bool.
        """
        weight = torch.ones(len(values)) if rows is None else rows.float()
        return self.ratio(values * weight, weight)

    def ratio(self, numerator: Tensor, denominator: Tensor) -> Interval:
        """Sum of one over sum of the other, both (visits,)."""
        value = numerator.double().sum() / denominator.double().sum()
        return _interval(value, self._drawn(numerator) / self._drawn(denominator))

    def difference(self, one: Tensor, other: Tensor, rows: Tensor | None = None) -> Interval:
        """Mean of one minus mean of the other over the same visits: a paired comparison."""
        return self.mean(one.double() - other.double(), rows)

    def contrast(self, values: Tensor, rows: Tensor) -> Interval:
        """Mean over the rows minus mean over the other rows; nan where there are no others."""
        inside, outside = rows.float(), (~rows).float()
        drawn = self._drawn(values * inside) / self._drawn(inside) - self._drawn(
            values * outside
        ) / self._drawn(outside)
        return _interval(values[rows].double().mean() - values[~rows].double().mean(), drawn)

    def medication_quantiles(
        self, chosen: Tensor, prescribed: Tensor, at_least: int
    ) -> dict[str, Interval]:
        """p10, p50 and p90 over medications of chosen / prescribed visits.

        Args:
            chosen, prescribed: (visits, candidates) bool.
            at_least: prescribed visits below which a medication is left out.
        """
        judged = prescribed.sum(dim=0) >= at_least
        if not judged.any():
            return {}
        chosen, prescribed = chosen[:, judged].float(), prescribed[:, judged].float()
        levels = torch.tensor([0.1, 0.5, 0.9])
        values = torch.quantile(chosen.sum(dim=0) / prescribed.sum(dim=0), levels)
        ratios = self._drawn(chosen) / self._drawn(prescribed).clamp(min=1)
        drawn = torch.quantile(ratios.float(), levels, dim=1)
        names = ("p10", "p50", "p90")
        return {n: _interval(v, d) for n, v, d in zip(names, values, drawn, strict=True)}

    def _drawn(self, values: Tensor) -> Tensor:
        """(visits, ...) -> (count, ...): the sum over visits in each resample."""
        sums = torch.zeros(self.patients, *values.shape[1:])
        return (self._times @ sums.index_add_(0, self._patient, values.float())).double()


def _interval(value: Tensor, drawn: Tensor) -> Interval:
    drawn = drawn[~drawn.isnan()].double()
    if not len(drawn):
        return Interval(float(value), float("nan"), float("nan"))
    low, high = torch.quantile(drawn, torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return Interval(float(value), low, high)
