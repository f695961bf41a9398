"""The patient whom the doctor calls with: nobody, allergic to what is about to be ordered."""

from typing import Any

from cds_service.sandbox.fhir.store import Store
from cds_service.sandbox.firing import Occasion, OwnChart

PATIENT_ID = "lamo-doctor-nobody"
ENCOUNTER_ID = "lamo-doctor-visit"
DRAFT_ID = "lamo-doctor-draft"
# in the order in which one is looked for: the first has the most to say
HOOKS = ("order-sign", "order-select", "patient-view", "encounter-discharge", "encounter-start")
EXPECTED = {"order-sign": "allergy", "order-select": "allergy"}  # topic of our card, by hook
_RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
_SUBJECT = {"reference": f"Patient/{PATIENT_ID}"}


def _concept(code: str, text: str) -> dict[str, Any]:
    return {"coding": [{"system": _RXNORM, "code": code, "display": text}], "text": text}


def _status(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": f"{_TERMINOLOGY}/{system}", "code": code}]}


DRAFT: dict[str, Any] = {
    "resourceType": "MedicationRequest",
    "id": DRAFT_ID,
    "status": "draft",
    "intent": "order",
    "medicationCodeableConcept": _concept("723", "Amoxicillin"),
    "subject": _SUBJECT,
}
_RESOURCES: tuple[dict[str, Any], ...] = (
    {
        "resourceType": "Patient",
        "id": PATIENT_ID,
        "name": [{"text": "Nobody, made up by lamo-cds doctor"}],
        "gender": "female",
        "birthDate": "1950-01-01",
    },
    {
        "resourceType": "Encounter",
        "id": ENCOUNTER_ID,
        "status": "in-progress",
        "class": {"system": f"{_TERMINOLOGY}/v3-ActCode", "code": "AMB"},
        "subject": _SUBJECT,
    },
    {
        "resourceType": "AllergyIntolerance",
        "id": "lamo-doctor-allergy",
        "clinicalStatus": _status("allergyintolerance-clinical", "active"),
        "verificationStatus": _status("allergyintolerance-verification", "confirmed"),
        "criticality": "high",
        "code": _concept("723", "Amoxicillin"),
        "patient": _SUBJECT,
    },
)


def own_chart() -> OwnChart:
    """What prefetch templates are filled from."""
    return OwnChart(store=Store(_RESOURCES), base="https://doctor.invalid/fhir")


def occasion_of(hook: str, patient_id: str | None = None) -> Occasion:
    """What a hook is told of: this patient, or one by id."""
    patient = patient_id or PATIENT_ID
    draft = DRAFT | {"subject": {"reference": f"Patient/{patient}"}}
    needs_visit = hook.startswith("encounter-") and patient_id is None
    return Occasion(
        hook=hook,
        patient_id=patient,
        encounter_id=ENCOUNTER_ID if needs_visit else None,
        user_id="Practitioner/lamo-doctor",
        drafts=(draft,),
        selected=(DRAFT_ID,),
    )
