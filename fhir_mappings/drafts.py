"""The draft MedicationRequest that a suggestion proposes. It never states a dose."""

from datetime import date
from typing import Any

from fhir_mappings.record import Diagnosis, Ingredient

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
AI_ASSERTED = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "AIAST",
    "display": "Artificial Intelligence asserted",
}


def draft_medication_request(
    ingredient: Ingredient,
    name: str,
    patient_id: str,
    requester: str | None,
    reason: Diagnosis | None,
    encounter_id: str | None,
    authored: date,
) -> dict[str, Any]:
    """A valid R4 MedicationRequest to be created by the CDS Client, marked as AI-generated.

    Args:
        ingredient: what is proposed, by its RxNorm code.
        name: how the prescriber reads it.
        patient_id: of the call.
        requester: a reference, "Practitioner/1"; None when the user of the call is not one.
        reason: the diagnosis that supports it, when one is known.
        encounter_id: of the call.
        authored: the day of the decision.
    """
    coding = {"system": RXNORM, "code": ingredient.rxcui, "display": name}
    draft: dict[str, Any] = {
        "resourceType": "MedicationRequest",
        "meta": {"security": [dict(AI_ASSERTED)]},
        "status": "draft",
        "intent": "order",  # what clients that run a create action expect
        "medicationCodeableConcept": {"coding": [coding], "text": name},
        "subject": {"reference": _reference("Patient", patient_id)},
        "authoredOn": authored.isoformat(),
    }
    if encounter_id:
        draft["encounter"] = {"reference": _reference("Encounter", encounter_id)}
    if requester:
        draft["requester"] = {"reference": requester}
    return draft | _reason(reason)


def _reference(resource_type: str, resource_id: str) -> str:
    return resource_id if "/" in resource_id else f"{resource_type}/{resource_id}"


def _reason(reason: Diagnosis | None) -> dict[str, Any]:
    if reason is None:
        return {}
    if reason.reference:
        return {"reasonReference": [{"reference": reason.reference, "display": reason.label}]}
    codings = [{"system": system, "code": code} for system, code in reason.codings]
    concept: dict[str, Any] = {"text": reason.label}
    return {"reasonCode": [concept | ({"coding": codings} if codings else {})]}
