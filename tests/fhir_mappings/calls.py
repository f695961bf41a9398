"""Small FHIR resources and calls for the tests of the mapping."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from fhir_mappings.mapping import HookResources, MappingTables, map_record
from fhir_mappings.record import Gap, PatientRecord

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SNOMED = "http://snomed.info/sct"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
SUBJECT = {"reference": "Patient/p1"}
PATIENT = {"resourceType": "Patient", "id": "p1", "gender": "female", "birthDate": "1950-06-01"}

Resource = dict[str, Any]


@cache
def tables() -> MappingTables:
    return MappingTables.load()


def map_call(
    *prefetched: Any, drafts: Any = (), encounter_id: str | None = None, patient: Any = PATIENT
) -> tuple[PatientRecord, tuple[Gap, ...]]:
    """Map one call about patient p1 with these resources."""
    resources = HookResources(
        patient_id="p1",
        encounter_id=encounter_id,
        decided_at=NOW,
        prefetched={"patient": [patient] if patient else [], "conditions": list(prefetched)},
        draft_orders=drafts,
    )
    return map_record(resources, tables())


def kinds(gaps: tuple[Gap, ...]) -> list[str]:
    return [gap.kind for gap in gaps]


def condition(text: str, **more: Any) -> Resource:
    base = {"resourceType": "Condition", "id": "c1", "subject": SUBJECT, "code": {"text": text}}
    return base | more


def state(code: str) -> Resource:
    return {"coding": [{"code": code}]}


def procedure(text: str, day: str | None, **more: Any) -> Resource:
    base: Resource = {"resourceType": "Procedure", "status": "completed", "subject": SUBJECT}
    return base | {"code": {"text": text}} | ({"performedDateTime": day} if day else {}) | more


def request(text: str | None = None, **more: Any) -> Resource:
    base: Resource = {"resourceType": "MedicationRequest", "status": "active", "intent": "order"}
    named = {"medicationCodeableConcept": {"text": text}} if text else {}
    return base | {"subject": SUBJECT} | named | more


def allergy(text: str | None, **more: Any) -> Resource:
    base: Resource = {"resourceType": "AllergyIntolerance", "id": "a1", "patient": SUBJECT}
    return base | ({"code": {"text": text}} if text else {}) | more


def encounter(eid: str, code: str, status: str, *period: str, **more: Any) -> Resource:
    dates = dict(zip(("start", "end"), period, strict=False))
    base: Resource = {"resourceType": "Encounter", "id": eid, "subject": SUBJECT}
    return base | {"status": status, "class": {"code": code}, "period": dates} | more


def labels(items: Any) -> list[str]:
    return [item.label for item in items]


def ingredients(items: Any) -> list[list[str]]:
    return [[one.label for one in item.ingredients] for item in items]


def without(resource: Mapping[str, Any], *names: str) -> Resource:
    return {name: value for name, value in resource.items() if name not in names}
