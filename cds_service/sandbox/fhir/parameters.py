"""Which search parameters there are, and where in a resource each looks (FHIR R4 search)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["token", "reference", "date", "string"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One search parameter of one type."""

    kind: Kind
    paths: tuple[str, ...]  # elements, with dots


def _one(kind: Kind, *paths: str) -> Parameter:
    return Parameter(kind=kind, paths=paths)


_EVERY = {"_id": _one("token", "id"), "_lastUpdated": _one("date", "meta.lastUpdated")}
_OF_PATIENT = {"patient": _one("reference", "subject"), "subject": _one("reference", "subject")}
_CODE = {"code": _one("token", "code")}
_STATUS = {"status": _one("token", "status")}
_ENCOUNTER = {"encounter": _one("reference", "encounter")}
_MEDICATION = {"code": _one("token", "medicationCodeableConcept")}

PARAMETERS: Mapping[str, Mapping[str, Parameter]] = {
    "Patient": _EVERY
    | {
        "birthdate": _one("date", "birthDate"),
        "gender": _one("token", "gender"),
        "identifier": _one("token", "identifier"),
        "name": _one("string", "name.text", "name.family", "name.given"),
        "family": _one("string", "name.family"),
        "given": _one("string", "name.given"),
    },
    "Condition": _EVERY
    | _OF_PATIENT
    | _CODE
    | _ENCOUNTER
    | {
        "category": _one("token", "category"),
        "clinical-status": _one("token", "clinicalStatus"),
        "verification-status": _one("token", "verificationStatus"),
        "recorded-date": _one("date", "recordedDate"),
        "onset-date": _one("date", "onsetDateTime", "onsetPeriod"),
    },
    "Procedure": _EVERY
    | _OF_PATIENT
    | _CODE
    | _STATUS
    | _ENCOUNTER
    | {
        "category": _one("token", "category"),
        "date": _one("date", "performedDateTime", "performedPeriod"),
    },
    "DocumentReference": _EVERY
    | _OF_PATIENT
    | _STATUS
    | {
        "category": _one("token", "category"),
        "type": _one("token", "type"),
        "date": _one("date", "date"),
        "encounter": _one("reference", "context.encounter"),
    },
    "AllergyIntolerance": _EVERY
    | _CODE
    | {
        "patient": _one("reference", "patient"),
        "category": _one("token", "category"),
        "clinical-status": _one("token", "clinicalStatus"),
        "criticality": _one("token", "criticality"),
        "date": _one("date", "recordedDate"),
    },
    "MedicationRequest": _EVERY
    | _OF_PATIENT
    | _MEDICATION
    | _STATUS
    | _ENCOUNTER
    | {
        "intent": _one("token", "intent"),
        "category": _one("token", "category"),
        "authoredon": _one("date", "authoredOn"),
        "date": _one("date", "dosageInstruction.timing.event"),
        "requester": _one("reference", "requester"),
        "medication": _one("reference", "medicationReference"),
    },
    "MedicationStatement": _EVERY
    | _OF_PATIENT
    | _MEDICATION
    | _STATUS
    | {
        "category": _one("token", "category"),
        "effective": _one("date", "effectiveDateTime", "effectivePeriod"),
        "context": _one("reference", "context"),
    },
    "Encounter": _EVERY
    | _OF_PATIENT
    | _STATUS
    | {
        "class": _one("token", "class"),
        "type": _one("token", "type"),
        "date": _one("date", "period"),
    },
    "Observation": _EVERY
    | _OF_PATIENT
    | _CODE
    | _STATUS
    | _ENCOUNTER
    | {
        "category": _one("token", "category"),
        "date": _one("date", "effectiveDateTime", "effectivePeriod"),
    },
    "Practitioner": _EVERY
    | {
        "identifier": _one("token", "identifier"),
        "name": _one("string", "name.text", "name.family", "name.given"),
    },
    "Medication": _EVERY | _CODE,
    "Binary": _EVERY,
}


def values_at(resource: Any, path: str) -> Iterator[Any]:
    """Every value at a path of elements, lists opened."""
    name, _, rest = path.partition(".")
    found = resource.get(name) if isinstance(resource, dict) else None
    for value in found if isinstance(found, list) else [found]:
        if value is not None:
            yield from values_at(value, rest) if rest else (value,)
