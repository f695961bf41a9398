"""A chart as it is read on the screen: resources into tables of plain text."""

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from cds_service.sandbox.fhir.errors import FhirRefused
from cds_service.sandbox.fhir.grants import patient_of
from cds_service.sandbox.fhir.store import Resource, Store
from cds_service.sandbox.patients import SandboxPatient
from fhir_mappings.attachments.reading import text_of
from fhir_mappings.attachments.unread import UnreadText
from fhir_mappings.dates import parse_date, whole_years
from fhir_mappings.references import local_name

Row = tuple[str, ...]
MOST_ROWS = 40  # of a section; a chart that is longer says so


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One table of a chart."""

    title: str
    columns: Row
    rows: Sequence[Row]
    total: int  # rows that there are, of which the newest are shown
    is_open: bool  # shown without a click

    @property
    def is_cut(self) -> bool:
        """Whether older rows are left out."""
        return len(self.rows) < self.total


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One document of a chart."""

    title: str
    day: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """How one kind of resource becomes a table."""

    title: str
    resource_type: str
    columns: Row
    row: Callable[[Mapping[str, Any]], Row]
    statuses: frozenset[str] = frozenset()  # of those alone; empty for all
    is_open: bool = False  # shown without a click


def _condition(one: Mapping[str, Any]) -> Row:
    return words(one.get("code")), words(one.get("clinicalStatus")), day(one.get("recordedDate"))


def _allergy(one: Mapping[str, Any]) -> Row:
    reactions = [words(m) for r in one.get("reaction", ()) for m in r.get("manifestation", ())]
    return words(one.get("code")), ", ".join(reactions), str(one.get("criticality", ""))


def _medication(one: Mapping[str, Any]) -> Row:
    since = one.get("effectivePeriod", {}).get("start") or one.get("authoredOn")
    return drug_of(one), str(one.get("status")), day(since)


def _procedure(one: Mapping[str, Any]) -> Row:
    moment = one.get("performedDateTime") or one.get("performedPeriod", {}).get("start")
    return words(one.get("code")), day(moment)


def _lab(one: Mapping[str, Any]) -> Row:
    amount = one.get("valueQuantity", {})
    value = f"{amount.get('value', '')} {amount.get('unit', '')}".strip()
    value = value or words(one.get("valueCodeableConcept")) or str(one.get("valueString", ""))
    return words(one.get("code")), value, day(one.get("effectiveDateTime"))


def _encounter(one: Mapping[str, Any]) -> Row:
    period = one.get("period", {})
    name = one.get("class", {})
    kind = str(name.get("display") or name.get("code") or "")
    return kind, str(one.get("status")), day(period.get("start")), day(period.get("end"))


_SINCE = ("Medication", "Status", "Since")
SECTIONS = (
    Listed(
        title="Conditions", resource_type="Condition", columns=("Condition", "Status", "Recorded"),
        row=_condition, is_open=True,
    ),
    Listed(
        title="Allergies", resource_type="AllergyIntolerance",
        columns=("Substance", "Reaction", "Criticality"), row=_allergy, is_open=True,
    ),
    Listed(
        title="Medications at home", resource_type="MedicationStatement", columns=_SINCE,
        row=_medication, is_open=True,
    ),
    Listed(
        title="Earlier orders", resource_type="MedicationRequest", columns=_SINCE, row=_medication,
        statuses=frozenset({"completed", "stopped", "cancelled"}),
    ),
    Listed(
        title="Procedures", resource_type="Procedure", columns=("Procedure", "Date"), row=_procedure
    ),
    Listed(
        title="Laboratory", resource_type="Observation", columns=("Test", "Value", "Date"),
        row=_lab, is_open=True,
    ),
    Listed(
        title="Encounters", resource_type="Encounter", columns=("Kind", "Status", "From", "To"),
        row=_encounter,
    ),
)  # fmt: skip


def chart_sections(store: Store, patient_id: str) -> list[Section]:
    """Every table that has a row, each with its newest rows first."""
    found = [_section(listed, _of_patient(store, listed, patient_id)) for listed in SECTIONS]
    return [one for one in found if one.rows]


def chart_notes(store: Store, patient_id: str) -> list[Note]:
    """The documents, the newest first."""
    documents = [one for one in store.all_of("DocumentReference") if patient_of(one) == patient_id]
    documents.sort(key=lambda one: str(one.get("date", "")), reverse=True)
    return [
        Note(title=words(one.get("type")), day=day(one.get("date")), text=_text(one, store))
        for one in documents
    ]


def allergies_of(store: Store, patient_id: str) -> list[str]:
    """What the line under the name warns of."""
    found = store.all_of("AllergyIntolerance")
    return [words(one.get("code")) for one in found if patient_of(one) == patient_id]


def age_of(patient: SandboxPatient, today: date) -> int | None:
    """Whole years; None where no birth date is known."""
    born = parse_date(patient.birth_date)
    return whole_years(born, today) if born else None


def words(concept: Any) -> str:
    """A CodeableConcept as a person reads it; empty where it says nothing."""
    told = concept if isinstance(concept, dict) else {}
    codings = [one for one in told.get("coding", ()) if isinstance(one, dict)]
    names = [told.get("text"), *(one.get("display") or one.get("code") for one in codings)]
    return next((str(name) for name in names if name), "")


def drug_of(order: Mapping[str, Any]) -> str:
    """The medication of an order or statement."""
    reference = order.get("medicationReference", {})
    return words(order.get("medicationCodeableConcept")) or str(reference.get("display", ""))


def day(moment: Any) -> str:
    """The day of a FHIR date or time, as written."""
    return str(moment or "")[:10]


def dose_of(order: Mapping[str, Any]) -> str:
    """The dose text of an order."""
    found = order.get("dosageInstruction") or [{}]
    return str(found[0].get("text", ""))


def _of_patient(store: Store, listed: Listed, patient_id: str) -> list[Resource]:
    return [
        one
        for one in store.all_of(listed.resource_type)
        if patient_of(one) == patient_id
        and (not listed.statuses or one.get("status") in listed.statuses)
    ]


def _section(listed: Listed, resources: Sequence[Mapping[str, Any]]) -> Section:
    rows = sorted(map(listed.row, resources), key=lambda row: row[-1], reverse=True)
    if listed.resource_type == "Encounter":  # the present one has no end
        rows.sort(key=lambda row: row[2], reverse=True)
    return Section(
        title=listed.title,
        columns=listed.columns,
        rows=rows[:MOST_ROWS],
        total=len(rows),
        is_open=listed.is_open,
    )


def _text(document: Mapping[str, Any], store: Store) -> str:
    found: Iterator[Mapping[str, Any]] = (one["attachment"] for one in document.get("content", ()))
    attachment = next(found, {})
    kind = str(attachment.get("contentType", ""))
    try:
        return text_of(base64.b64decode(_data(attachment, store), validate=True), kind)
    except (binascii.Error, UnreadText, FhirRefused):
        return f"(cannot be shown: {kind})"


def _data(attachment: Mapping[str, Any], store: Store) -> str:
    """The base64 of a text, which may be a Binary of its own."""
    if "data" in attachment:
        return str(attachment["data"])
    name = local_name(str(attachment.get("url", "")))
    return str(store.read("Binary", name.id).get("data", ""))
