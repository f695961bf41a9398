"""A FHIR R4 export, one visit an encounter, through the door that serving uses."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from fhir_mappings.attachments import UnreadText, text_of
from fhir_mappings.mapping import HookResources, MappingTables, map_record
from fhir_mappings.pool import KEY_OF_TYPE
from fhir_mappings.record import Note, PatientRecord
from lamo.exports.fhir_files import Export, Resource, newest, of_patient, patients_in
from lamo.training.cohort.fhir_known import (
    Dated,
    Period,
    as_it_stood,
    as_of,
    date_all,
    encounter_of,
    known_at,
    period_of,
)
from lamo.training.cohort.rules import CohortRules
from lamo.training.cohort.visit import CohortVisit

_NEVER_GIVEN = frozenset({"entered-in-error", "cancelled"})
_WISHES = frozenset({"proposal", "option"})


@dataclass(frozen=True, slots=True, kw_only=True)
class FhirReading:
    """What it takes to read an export."""

    export: Export
    rules: CohortRules
    mapping: MappingTables
    scratch: Path | None = None


@dataclass(frozen=True, slots=True)
class _Chart:
    """Everything of one patient."""

    patient_id: str
    dated: Sequence[Dated]
    periods: Mapping[str, Period]  # by encounter id
    orders: Mapping[str, Sequence[Resource]]  # by encounter id


def read_export(reading: FhirReading) -> Iterator[CohortVisit]:
    """Every encounter with a medication order, by patient and time.

    With `knowledge` "encounter" a record tells what was known at the end of the encounter, with
    "first-order" what was known before its first order. Its own orders are the prescribed ones.

    Raises:
        CohortError: there is no file, or one is cut short.
    """
    with reading.export.opened(reading.scratch) as db:
        for patient in patients_in(db):
            yield from _visits(_open_chart(db, patient, reading), reading)


def _visits(chart: _Chart, reading: FhirReading) -> Iterator[CohortVisit]:
    tally = reading.export.tally
    if len(chart.orders) < reading.rules.min_visits:
        tally.drop("encounters: the patient has too few", len(chart.orders))
        return
    for encounter in sorted(chart.orders, key=lambda one: (chart.periods[one].start, one)):
        prescribed = _prescribed(chart, encounter, reading)
        if prescribed:
            tally.count("visits")
            tally.count("labels", len(prescribed))
            yield _visit(chart, encounter, prescribed, reading)
        else:
            tally.drop("encounters: no order of a candidate medication")


def _prescribed(chart: _Chart, encounter: str, reading: FhirReading) -> tuple[str, ...]:
    """The candidates among the orders of the encounter, read as drafts of a call are."""
    shared = [one.resource for one in chart.dated if one.is_timeless]
    call = HookResources(
        patient_id=chart.patient_id,
        encounter_id=None,
        decided_at=chart.periods[encounter].end,
        prefetched={"patient": shared},
        draft_orders=_drafts(chart.orders[encounter]),
    )
    record, gaps = map_record(call, reading.mapping)
    for gap in gaps:
        if gap.kind.startswith("medication"):
            reading.export.tally.drop(f"MedicationRequest: {gap.kind}")
    candidates = {entry.rxcui for entry in reading.mapping.formulary.candidates}
    given = {one for order in record.ordered for one in order.ingredients}
    return tuple(sorted(one.label for one in given if one.rxcui in candidates))


def _visit(
    chart: _Chart, encounter: str, prescribed: tuple[str, ...], reading: FhirReading
) -> CohortVisit:
    period = chart.periods[encounter]
    stamps = [stamp for order in chart.orders[encounter] if (stamp := known_at(order, {}))]
    first = min(stamps, default=None)
    moment = period.end
    if reading.rules.knowledge == "first-order":
        moment = max(period.start, first or period.start)
    record, _ = map_record(_call(chart, encounter, moment, reading), reading.mapping)
    return CohortVisit(
        visit_id=encounter,
        patient_id=chart.patient_id,
        record=replace(_in_text(record, reading), ordered=()),
        prescribed=prescribed,
        admitted_at=period.start,
        source="fhir",
        first_order_at=first,
    )


def _in_text(record: PatientRecord, reading: FhirReading) -> PatientRecord:
    """The record with its documents as notes; those without a text are counted."""
    notes = []
    for document in record.documents:
        try:
            text = text_of(document.data, document.content_type)
        except UnreadText as reason:
            reading.export.tally.drop(f"DocumentReference: {reason}")
            continue
        notes.append(
            Note(
                text=text,
                loinc=document.loinc,
                written=document.written,
                reference=document.reference,
            )
        )
    return replace(record, notes=tuple(notes), documents=())


def _call(chart: _Chart, encounter: str, moment: datetime, reading: FhirReading) -> HookResources:
    """The hook call that would have been made at the moment, its orders as drafts."""
    prefetched: defaultdict[str, list[Resource]] = defaultdict(list)
    orders = chart.orders[encounter]
    own = {id(order) for order in orders}
    is_whole = reading.rules.knowledge == "encounter"
    told: list[Dated] = []
    rest: list[Dated] = []
    for one in chart.dated:
        if id(one.resource) not in own:
            (told if _is_told(one, encounter, is_whole) else rest).append(one)
    stood = [as_it_stood(one.resource, moment) for one in told]
    for resource in (*stood, *as_of(rest, moment)):
        prefetched[KEY_OF_TYPE.get(str(resource.get("resourceType")), "others")].append(resource)
    prefetched["documents"] = newest(prefetched["documents"])
    return HookResources(
        patient_id=chart.patient_id,
        encounter_id=encounter,
        decided_at=moment,
        prefetched=prefetched,
        draft_orders=_drafts(orders),
    )


def _drafts(orders: Sequence[Resource]) -> list[Resource]:
    return [{**order, "status": "draft"} for order in orders]


def _open_chart(db: sqlite3.Connection, patient: str, reading: FhirReading) -> _Chart:
    """The patient's resources, and which encounter each order belongs to."""
    resources, tally = of_patient(db, patient), reading.export.tally
    periods = {
        str(one["id"]): period
        for one in resources
        if one.get("resourceType") == "Encounter" and one.get("id")
        if (period := period_of(one))
    }
    orders: defaultdict[str, list[Resource]] = defaultdict(list)
    for resource in resources:
        if resource.get("resourceType") == "MedicationRequest":
            encounter = _encounter_of_order(resource, periods)
            reason = _refusal(resource, encounter)
            if reason or encounter is None:
                tally.drop(f"MedicationRequest: {reason}")
            else:
                orders[encounter].append(resource)
    ends = {encounter: period.end for encounter, period in periods.items()}
    return _Chart(patient, date_all(resources, ends, tally), periods, orders)


def _refusal(order: Resource, encounter: str | None) -> str | None:
    if order.get("status") in _NEVER_GIVEN or order.get("doNotPerform") is True:
        return "cancelled, in error or not to be performed"
    if order.get("intent") in _WISHES:
        return "only proposed"
    return None if encounter else "of no known encounter"


def _encounter_of_order(order: Resource, periods: Mapping[str, Period]) -> str | None:
    """The encounter that it names, or that it was written in."""
    named = encounter_of(order)
    if named is not None:
        return named if named in periods else None
    stamp = known_at(order, {})
    within = (one for one, p in periods.items() if stamp and p.start <= stamp <= p.end)
    return next(within, None)


def _is_told(one: Dated, encounter: str, is_whole: bool) -> bool:
    """The encounter itself; with the whole of it asked for, whatever names it."""
    if one.resource.get("resourceType") == "Encounter":
        return one.resource.get("id") == encounter
    return is_whole and one.encounter == encounter
