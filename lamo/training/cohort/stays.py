"""A stay as a hospital's tables have it, and the visit that is told of it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from fhir_mappings.diagnoses import once_each
from fhir_mappings.record import (
    Allergy,
    Diagnosis,
    Hospitalization,
    Ingredient,
    Medication,
    Note,
    PatientRecord,
    Procedure,
    Setting,
    Sex,
)
from lamo.training.cohort.rules import Knowledge
from lamo.training.cohort.visit import CohortVisit, Source

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Stamped(Generic[T]):
    """Something of a record, and when it came to be known; None when nothing says so."""

    item: T
    known_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """One stay with everything of it, whenever it came to be known."""

    visit_id: str
    patient_id: str
    source: Source
    admitted_at: datetime
    discharged_at: datetime | None = None
    age: int | None = None
    sex: Sex | None = None
    setting: Setting = "inpatient"
    year_bucket: str | None = None
    episode: str = ""  # eICU: the hospital stay that unit stays share
    first_order_at: datetime | None = None
    prescribed: tuple[Ingredient, ...] = ()
    diagnoses: tuple[Stamped[Diagnosis], ...] = ()
    procedures: tuple[Stamped[Procedure], ...] = ()
    notes: tuple[Stamped[Note], ...] = ()
    allergies: tuple[Stamped[Allergy], ...] = ()
    home: tuple[Stamped[Medication], ...] = ()


def to_visits(
    stays: Iterable[Stay], knowledge: Knowledge, follows: Callable[[Stay, Stay], bool]
) -> Iterator[CohortVisit]:
    """The visits of stays that are sorted by patient and time.

    Args:
        stays: the stay just before one of the same patient is its previous hospitalization.
        knowledge: "encounter" tells all of a stay, as LAMO; "first-order" what was stamped before
            the first order (or before the admission, if that order is dated still earlier).
        follows: whether the first stay is known to come before the second.
    """
    previous: Stay | None = None
    for stay in stays:
        is_same = previous is not None and previous.patient_id == stay.patient_id
        before = previous if previous and is_same and follows(previous, stay) else None
        if before and knowledge == "first-order" and not ended_before(before, stay):
            before = None
        yield _to_visit(stay, before, knowledge)
        previous = stay


def always_follows(previous: Stay, stay: Stay) -> bool:
    """LAMO's rule: the row before is the previous stay, whatever its dates say."""
    return True


def ended_before(previous: Stay, stay: Stay) -> bool:
    """Whether the previous stay was over when this one began."""
    return previous.discharged_at is not None and previous.discharged_at <= stay.admitted_at


def decided_at(stay: Stay, knowledge: Knowledge) -> datetime:
    """The moment up to which the record of the stay tells."""
    if knowledge == "first-order":
        return max(stay.admitted_at, stay.first_order_at or stay.admitted_at)
    return max(stay.admitted_at, stay.discharged_at or stay.admitted_at)


def _to_visit(stay: Stay, previous: Stay | None, knowledge: Knowledge) -> CohortVisit:
    moment = decided_at(stay, knowledge)

    def told(items: Iterable[Stamped[T]]) -> list[T]:
        everything = knowledge == "encounter"
        return [one.item for one in items if everything or (one.known_at and one.known_at < moment)]

    notes = sorted(told(stay.notes), key=lambda note: note.written or moment, reverse=True)
    record = PatientRecord(
        patient_id=stay.patient_id,
        decided_at=moment,
        age=stay.age,
        sex=stay.sex,
        setting=stay.setting,
        diagnoses=once_each(told(stay.diagnoses)),
        procedures=once_each(told(stay.procedures)),
        notes=tuple(notes),
        allergies=tuple(told(stay.allergies)),
        current=tuple(told(stay.home)),
        previous=_hospitalization(previous) if previous else None,
    )
    return CohortVisit(
        visit_id=stay.visit_id,
        patient_id=stay.patient_id,
        record=record,
        prescribed=tuple(sorted({ingredient.label for ingredient in stay.prescribed})),
        admitted_at=stay.admitted_at,
        source=stay.source,
        year_bucket=stay.year_bucket,
        first_order_at=stay.first_order_at,
    )


def _hospitalization(stay: Stay) -> Hospitalization:
    given = dict.fromkeys(sorted(stay.prescribed, key=lambda one: one.label))
    return Hospitalization(
        age=stay.age,
        sex=stay.sex,
        diagnoses=once_each(one.item for one in stay.diagnoses),
        procedures=once_each(one.item for one in stay.procedures),
        medications=tuple(Medication(display=one.label, ingredients=(one,)) for one in given),
        started=stay.admitted_at.date(),
    )
