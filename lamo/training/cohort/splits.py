"""Which visits train, validate and test."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, NamedTuple

from lamo.exports.errors import SplitImpossible

How = Literal["lamo", "patient-hash", "time", "order-time"]
Part = Literal["train", "validation", "test"]

PARTS: tuple[Part, ...] = ("train", "validation", "test")
_TRAIN, _VALIDATION = Fraction(4, 6), Fraction(1, 6)


class VisitKey(NamedTuple):
    """What a split needs to know of a visit."""

    patient_id: str
    when: str | None  # sorts in real time; None: the times of the source are no real ones


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitPlan:
    """How visits are split, 4:1:1 in every way.

    lamo: the rows in their order, first two thirds and then halves of the rest, as LAMO. A patient
        whose rows lie across a boundary is in both parts; the report counts them.
    patient-hash: each patient by a hash with the seed, wholly in one part.
    time: each patient by the latest visit, the oldest train; `bounds` gives the first moments of
        validation and test ("2014", "2014 - 2016"), without them they are set for 4:1:1.
    order-time: as patient-hash, of records that tell only what was known before the first order.
    """

    how: How
    seed: int = 2023
    bounds: tuple[str, str] | None = None

    @property
    def name(self) -> str:
        """The folder of the split."""
        is_seeded = self.how in ("patient-hash", "order-time")
        return f"{self.how}-{self.seed}" if is_seeded else self.how


def assign(plan: SplitPlan, keys: Sequence[VisitKey]) -> list[Part]:
    """The part of each visit, in the order given.

    Raises:
        SplitImpossible: by time, of visits whose times are not real.
    """
    if plan.how == "lamo":
        return _by_row(len(keys))
    patients = dict.fromkeys(key.patient_id for key in keys)
    if plan.how == "time":
        by_patient = _by_time(plan, keys)
    else:
        by_patient = {patient: _by_hash(patient, plan.seed) for patient in patients}
    return [by_patient[key.patient_id] for key in keys]


def overlap(keys: Sequence[VisitKey], parts: Sequence[Part]) -> int:
    """How many patients have visits in more than one part."""
    pairs = {(key.patient_id, part) for key, part in zip(keys, parts, strict=True)}
    return len(pairs) - len({patient for patient, _ in pairs})


def _by_row(rows: int) -> list[Part]:
    train = rows * 2 // 3
    validation = (rows - train) // 2
    test = rows - train - validation
    counts: dict[Part, int] = {"train": train, "validation": validation, "test": test}
    return [part for part, count in counts.items() for _ in range(count)]


def _by_hash(patient: str, seed: int) -> Part:
    digest = hashlib.sha256(f"{seed}/{patient}".encode()).digest()
    return _at(Fraction(int.from_bytes(digest[:8], "big"), 1 << 64))


def _by_time(plan: SplitPlan, keys: Sequence[VisitKey]) -> dict[str, Part]:
    """Each patient by the latest visit, so that nothing later than a bound is in the part before.

    Ties of a bucket of years are broken by a hash, so that a bucket may be cut.
    """
    latest: dict[str, str] = {}
    visits: dict[str, int] = {}
    for patient, when in keys:
        if when is None:
            raise SplitImpossible(
                "these visits have no real dates (MIMIC-III shifts them per patient): "
                "split them by patient-hash, or take a source with years"
            )
        latest[patient] = max(when, latest.get(patient, when))
        visits[patient] = visits.get(patient, 0) + 1
    if plan.bounds is not None:
        from_validation, from_test = plan.bounds
        return {
            patient: PARTS[(when >= from_validation) + (when >= from_test)]
            for patient, when in latest.items()
        }
    ordered = sorted(latest, key=lambda one: (latest[one], _digest(one, plan.seed)))
    parts, before = {}, 0
    for patient in ordered:
        parts[patient] = _at(Fraction(before, len(keys)))
        before += visits[patient]
    return parts


def _at(share: Fraction) -> Part:
    """The part at a place between 0 and 1."""
    return PARTS[(share >= _TRAIN) + (share >= _TRAIN + _VALIDATION)]


def _digest(patient: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}/{patient}".encode()).digest()
