"""What of an export was known at a moment: the export tells what became of things later."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from fhir_mappings.dates import parse_date, parse_instant
from fhir_mappings.references import local_name
from lamo.exports.tally import Tally

Resource = Mapping[str, Any]

_DAY = len("2020-01-01")
# the element that says when a resource was written, before those that say when it came about
_STAMPS = {
    "Condition": ("recordedDate", "onsetDateTime", "onsetPeriod"),
    "Procedure": ("performedDateTime", "performedPeriod"),
    "DocumentReference": ("date",),
    "AllergyIntolerance": ("recordedDate", "onsetDateTime", "lastOccurrence"),
    "MedicationRequest": ("authoredOn",),
    "MedicationStatement": ("dateAsserted", "effectiveDateTime", "effectivePeriod"),
    "Encounter": ("period",),
}
_OVER = ("completed", "stopped")


@dataclass(frozen=True, slots=True)
class Period:
    """From when to when an encounter was."""

    start: datetime
    end: datetime


def period_of(encounter: Resource) -> Period | None:
    """The period of an encounter; one without an end ends as it starts."""
    period = encounter.get("period")
    start = _stamp(period, "start")
    return Period(start, max(start, _stamp(period, "end") or start)) if start else None


def known_at(resource: Resource, ends: Mapping[str, datetime]) -> datetime | None:
    """When the resource was written; else when its encounter ended; None when nothing says.

    A value of a day counts from the end of it.
    """
    for name in _STAMPS.get(str(resource.get("resourceType")), ()):
        value = resource.get(name)
        stamp = _stamp(value, "start") if isinstance(value, dict) else _instant(value)
        if stamp is not None:
            return stamp
    return ends.get(encounter_of(resource) or "")


@dataclass(frozen=True, slots=True)
class Dated:
    """A resource, when it was written, and the encounter that it names."""

    resource: Resource
    known_at: datetime | None  # None: never shown to have been known
    encounter: str | None

    @property
    def is_timeless(self) -> bool:
        """Whether it is of a type that has no time: the patient, a medication, a place."""
        return self.resource.get("resourceType") not in _STAMPS


def date_all(
    resources: Iterable[Resource], ends: Mapping[str, datetime], tally: Tally
) -> list[Dated]:
    """Each resource with its time; the ones that will be left out for want of one are counted."""
    dated = [Dated(one, known_at(one, ends), encounter_of(one)) for one in resources]
    for one in dated:
        if one.known_at is None and not one.is_timeless:
            tally.drop(f"resources: {one.resource.get('resourceType')} without a time")
    return dated


def as_of(dated: Iterable[Dated], moment: datetime) -> Iterator[Resource]:
    """The resources that were known before a moment, as they stood then."""
    for one in dated:
        if one.is_timeless:
            yield one.resource
        elif one.known_at is not None and one.known_at < moment:
            yield as_it_stood(one.resource, moment)


def encounter_of(resource: Resource) -> str | None:
    """The id of the encounter that the resource names."""
    holder = resource.get("encounter") or resource.get("context")
    named = holder.get("encounter", holder) if isinstance(holder, dict) else None
    named = named[0] if isinstance(named, list) and named else named
    reference = named.get("reference") if isinstance(named, dict) else None
    return local_name(reference).id if isinstance(reference, str) else None


def as_it_stood(resource: Resource, moment: datetime) -> Resource:
    """The resource before what became of it later.

    A problem that was over later was active still, and so was an order that ended later; a
    document that was superseded later stands beside the one that superseded it, which is newer.
    """
    kind = resource.get("resourceType")
    if kind == "DocumentReference" and resource.get("status") == "superseded":
        return {**resource, "status": "current"}
    if kind == "Condition":
        over = _instant(resource.get("abatementDateTime"))
        over = over or _stamp(resource.get("abatementPeriod"), "end")
        if over and over >= moment:
            active = {"coding": [{"code": "active"}]}
            kept = {k: v for k, v in resource.items() if not k.startswith("abatement")}
            return {**kept, "clinicalStatus": active}
    if kind == "MedicationRequest" and resource.get("status") in _OVER:
        dispense = resource.get("dispenseRequest")
        validity = dispense.get("validityPeriod") if isinstance(dispense, dict) else None
        over = _stamp(validity, "end")
        if over and over >= moment:
            return {**resource, "status": "active"}
    return resource


def _stamp(period: object, name: str) -> datetime | None:
    return _instant(period.get(name)) if isinstance(period, dict) else None


def _instant(value: object) -> datetime | None:
    """A dateTime as a moment; a day, month or year as the end of its first day."""
    if not isinstance(value, str):
        return None
    day = parse_date(value)
    if day is not None and len(value) <= _DAY:
        return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    return parse_instant(value)
