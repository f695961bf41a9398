"""Single FHIR R4 resources of made-up patients. Each bears the tag of test health data."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

from fhir_mappings.formulary import RXNORM, Formulary
from fhir_mappings.record import Allergy, Diagnosis, Medication, Note, Procedure, Setting, Sex

Resource = dict[str, Any]

_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
_CLASSES: dict[Setting, tuple[str, str]] = {
    "outpatient": ("AMB", "ambulatory"),
    "inpatient": ("IMP", "inpatient encounter"),
    "icu": ("IMP", "inpatient encounter"),
}
_UNTIL_ORDERED = timedelta(minutes=30)  # after the start of a visit that is over
_FOOD = frozenset({"Peanut", "Shellfish"})
_ENVIRONMENT = frozenset({"Latex"})
_DOCUMENTS = {"18842-5": "Discharge summary", "34117-2": "History and physical note"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The encounter that resources belong to."""

    patient_id: str
    at: datetime
    setting: Setting
    days: int | None  # that it took; None: it is under way

    @property
    def key(self) -> str:
        """The start of the ids of all its resources."""
        return f"{self.patient_id}-{self.at:%Y%m%d}"

    @property
    def encounter_id(self) -> str:
        """The id of the encounter itself."""
        return f"{self.key}-e"

    @property
    def ended(self) -> str | None:
        """When it was over, as a dateTime; None while it is under way."""
        if self.days is None:
            return None
        return (self.at + timedelta(days=self.days, hours=1)).isoformat()


def patient(patient_id: str, sex: Sex | None, born: date) -> Resource:
    """The person, without a name."""
    return _tagged("Patient", patient_id) | {
        "gender": sex or "unknown",
        "birthDate": born.isoformat(),
    }


def encounter(scene: Scene) -> Resource:
    """The visit or stay; intensive care shows in its location."""
    code, display = _CLASSES[scene.setting]
    period = {"start": scene.at.isoformat()}
    if scene.ended:
        period["end"] = scene.ended
    found = _tagged("Encounter", scene.encounter_id) | {
        "status": "in-progress" if scene.days is None else "finished",
        "class": {"system": f"{_TERMINOLOGY}/v3-ActCode", "code": code, "display": display},
        "subject": _to("Patient", scene.patient_id),
        "period": period,
    }
    if scene.setting == "icu":
        found["location"] = [{"location": {"display": "Medical intensive care unit"}}]
    return found


def condition(scene: Scene, number: int, diagnosis: Diagnosis) -> Resource:
    """A diagnosis of the encounter: active while it is under way, resolved once it is over."""
    state = "active" if scene.days is None else "resolved"
    codings = [{"system": system, "code": code} for system, code in diagnosis.codings]
    code: Resource = {"text": diagnosis.display}
    found = _tagged("Condition", f"{scene.key}-c{number}") | {
        "clinicalStatus": _coded("condition-clinical", state),
        "verificationStatus": _coded("condition-ver-status", "confirmed"),
        "category": [_coded("condition-category", "encounter-diagnosis")],
        "code": code | ({"coding": codings} if codings else {}),
        "subject": _to("Patient", scene.patient_id),
        "encounter": _to("Encounter", scene.encounter_id),
        "recordedDate": scene.at.isoformat(),
    }
    return found | ({"abatementDateTime": scene.ended} if scene.ended else {})


def procedure(scene: Scene, number: int, done: Procedure) -> Resource:
    """A procedure; dated in the present encounter only.

    The record of the next visit counts those of an earlier stay with that stay, not as its own.
    """
    found = _tagged("Procedure", f"{scene.key}-p{number}") | {
        "status": "completed",
        "code": {"text": done.display},
        "subject": _to("Patient", scene.patient_id),
        "encounter": _to("Encounter", scene.encounter_id),
    }
    return found | ({"performedDateTime": scene.at.isoformat()} if scene.days is None else {})


def allergy(patient_id: str, number: int, known: Allergy, recorded: date) -> Resource:
    """An allergy or intolerance with its reactions."""
    found = _tagged("AllergyIntolerance", f"{patient_id}-a{number}") | {
        "clinicalStatus": _coded("allergyintolerance-clinical", "active"),
        "verificationStatus": _coded("allergyintolerance-verification", "confirmed"),
        "type": "intolerance" if known.is_intolerance else "allergy",
        "category": [_category(known)],
        "code": _drug(Medication(display=known.display, ingredients=known.ingredients)),
        "patient": _to("Patient", patient_id),
        "recordedDate": recorded.isoformat(),
    }
    if known.criticality:
        found["criticality"] = known.criticality
    if known.reactions:
        found["reaction"] = [{"manifestation": [{"text": text} for text in known.reactions]}]
    return found


def statement(scene: Scene, number: int, taken: Medication) -> Resource:
    """What the patient takes at home, as told at the encounter."""
    period = {"start": taken.started.isoformat()} if taken.started else {}
    period |= {"end": taken.ended.isoformat()} if taken.ended else {}
    found = _tagged("MedicationStatement", f"{scene.key}-m{number}") | {
        "status": taken.status or "active",
        **_medication(taken),
        "subject": _to("Patient", scene.patient_id),
        "context": _to("Encounter", scene.encounter_id),
        "dateAsserted": scene.at.isoformat(),
    }
    return found | ({"effectivePeriod": period} if period else {})


def request(scene: Scene, number: int, ordered: Medication) -> Resource:
    """An order of the encounter, in the medication's own status."""
    written = scene.at if scene.days is None else scene.at + _UNTIL_ORDERED
    named = (ordered.reference or f"/{scene.key}-r{number}").rpartition("/")[2]
    return _tagged("MedicationRequest", named) | {
        "status": ordered.status or "completed",
        "intent": "order",
        **_medication(ordered),
        "subject": _to("Patient", scene.patient_id),
        "encounter": _to("Encounter", scene.encounter_id),
        "authoredOn": written.isoformat(),
    }


def document(scene: Scene, number: int, note: Note) -> Resource:
    """A note as plain text inside the resource."""
    data = base64.b64encode(note.text.encode()).decode()
    name = _DOCUMENTS.get(note.loinc or "", "Clinical note")
    kind: Resource = {"text": name}
    if note.loinc:
        kind["coding"] = [{"system": "http://loinc.org", "code": note.loinc, "display": name}]
    return _tagged("DocumentReference", f"{scene.key}-d{number}") | {
        "status": "current",
        "docStatus": "final",
        "type": kind,
        "subject": _to("Patient", scene.patient_id),
        "date": (note.written or scene.at).isoformat(),
        "content": [{"attachment": {"contentType": "text/plain; charset=utf-8", "data": data}}],
        "context": {"encounter": [_to("Encounter", scene.encounter_id)]},
    }


def given(label: str) -> Medication:
    """A medication of one ingredient, given in a visit that is over."""
    ingredient = _formulary().by_label(label).ingredient
    return Medication(display=label, ingredients=(ingredient,), status="completed")


def bundle(kind: str, resources: Sequence[Resource]) -> Resource:
    """A Bundle of that type; its entries can be found by relative references."""
    base = "https://fhir.invalid"
    entries = [
        {"fullUrl": f"{base}/{one['resourceType']}/{one['id']}", "resource": one}
        for one in resources
    ]
    return {"resourceType": "Bundle", "type": kind} | ({"entry": entries} if entries else {})


def _medication(named: Medication) -> Resource:
    """One ingredient is coded; a combination is a contained Medication with its parts.

    The combination bears a name only where a reader would find all its parts in it.
    """
    if len(named.ingredients) < 2:
        return {"medicationCodeableConcept": _drug(named)}
    parts = [
        {"itemCodeableConcept": _drug(Medication(display=one.label, ingredients=(one,)))}
        for one in named.ingredients
    ]
    inside: Resource = {"resourceType": "Medication", "id": "m", "ingredient": parts}
    read = _formulary().resolve((), named.display).ingredients
    if set(read) == set(named.ingredients):
        inside["code"] = {"text": named.display}
    pointer = {"reference": "#m", "display": named.display}
    return {"contained": [inside], "medicationReference": pointer}


def _drug(named: Medication) -> Resource:
    codings = [
        {"system": RXNORM, "code": one.rxcui, "display": one.label} for one in named.ingredients
    ]
    return {"text": named.display} | ({"coding": codings} if codings else {})


def _category(known: Allergy) -> str:
    if known.display in _FOOD:
        return "food"
    return "environment" if known.display in _ENVIRONMENT else "medication"


def _coded(system: str, code: str) -> Resource:
    return {"coding": [{"system": f"{_TERMINOLOGY}/{system}", "code": code}]}


def _to(resource_type: str, resource_id: str) -> Resource:
    return {"reference": f"{resource_type}/{resource_id}"}


def _tagged(resource_type: str, resource_id: str) -> Resource:
    tag = {"system": f"{_TERMINOLOGY}/v3-ActReason", "code": "HTEST", "display": "test health data"}
    return {"resourceType": resource_type, "id": resource_id, "meta": {"security": [tag]}}


@cache
def _formulary() -> Formulary:
    return Formulary.load()
