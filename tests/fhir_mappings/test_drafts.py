from datetime import date
from typing import Any

import pytest
from fhir.resources.R4B.medicationrequest import MedicationRequest
from fhir.resources.R4B.operationoutcome import OperationOutcome

from fhir_mappings.drafts import draft_medication_request
from fhir_mappings.outcome import operation_outcome
from fhir_mappings.record import Diagnosis, Ingredient

INGREDIENT = Ingredient(rxcui="6809", label="Metformin")
DIABETES = Diagnosis(label="Type 2 diabetes mellitus", display="T2DM", reference="Condition/7")
UNFILED = Diagnosis(label="Gout", display="Gout", codings=(("http://snomed.info/sct", "90560007"),))


def draft(reason: Diagnosis | None, **more: str) -> dict[str, Any]:
    return draft_medication_request(
        INGREDIENT,
        "Metformin",
        "p1",
        more.get("requester"),
        reason,
        more.get("encounter_id"),
        date(2026, 11, 22),
    )


@pytest.mark.parametrize("reason", [None, DIABETES, UNFILED])
def test_a_draft_is_valid_r4(reason: Diagnosis | None) -> None:
    made = draft(reason, requester="Practitioner/1", encounter_id="e1")
    MedicationRequest.model_validate(made)
    assert (made["status"], made["intent"]) == ("draft", "order")
    assert made["encounter"] == {"reference": "Encounter/e1"}


def test_a_draft_names_the_ingredient_the_reason_and_its_maker_but_no_dose() -> None:
    made = draft(DIABETES)
    concept = made["medicationCodeableConcept"]
    assert (concept["coding"][0]["code"], concept["text"]) == ("6809", "Metformin")
    assert made["reasonReference"][0]["reference"] == "Condition/7"
    assert made["meta"]["security"][0]["code"] == "AIAST"
    assert not {"dosageInstruction", "dispenseRequest", "requester", "encounter"} & set(made)


def test_a_reason_without_a_resource_is_told_by_its_code() -> None:
    reason = draft(UNFILED)["reasonCode"][0]
    assert (reason["text"], reason["coding"][0]["code"]) == ("Gout", "90560007")


def test_an_outcome_is_valid_r4_and_says_what_to_do() -> None:
    made = operation_outcome("error", "invalid", "found a string: send an object")
    OperationOutcome.model_validate(made)
    assert made["issue"][0]["diagnostics"] == "found a string: send an object"
