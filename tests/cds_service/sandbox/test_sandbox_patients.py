"""Each patient shows what is said of them, read through the sandbox's own FHIR server."""

import time
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class
from flask.testing import FlaskClient

from cds_service.cards.policy import RULES
from cds_service.sandbox.app import SandboxDesk
from cds_service.sandbox.chosen import CHOSEN
from cds_service.sandbox.patients import SandboxPatient, sandbox_charts, sandbox_resources
from tests.cds_service.sandbox.sandboxes import TODAY


def hook_of(desk: SandboxDesk, patient: SandboxPatient) -> dict[str, Any]:
    """What the EHR sends for a patient: no prefetch, so that everything is read from the server."""
    drafts = [{"resource": draft} for draft in patient.drafts]
    context = {"userId": desk.users[0].user_id, "patientId": patient.patient_id}
    if patient.hook == "order-sign":
        bundle = {"resourceType": "Bundle", "type": "collection", "entry": drafts}
        context |= {"draftOrders": bundle}  # type: ignore[dict-item]
    return {
        "hook": patient.hook,
        "hookInstance": "07d95d33-0071-48e7-b179-d65141f29f7a",
        "fhirServer": desk.fhir_base,
        "context": context,
    }


@pytest.mark.parametrize("number", range(len(CHOSEN)), ids=[one.name for one in CHOSEN])
def test_a_patient_shows_what_is_said(
    served_sandbox: SandboxDesk, service: FlaskClient, number: int
) -> None:
    patient = served_sandbox.patients[number]
    answer = service.post(
        f"/cds-services/lamo-{patient.hook}", json=hook_of(served_sandbox, patient)
    )
    cards = answer.json["cards"]  # type: ignore[index]
    shown = {card["source"]["topic"]["code"] for card in cards}
    assert set(patient.rules) <= shown
    assert bool(patient.rules) == bool(cards)
    assert patient.gap in " ".join(card.get("detail", "") for card in cards)


def test_together_they_show_every_rule() -> None:
    shown = {rule for one in CHOSEN for rule in one.rules}
    as_review = {"usual-course": "deprescribing"}  # of what is taken, it is a line of the review
    assert {as_review.get(rule, rule) for rule in RULES} <= shown
    assert any(one.gap for one in CHOSEN)
    assert any(not one.rules for one in CHOSEN)


def test_the_charts_are_valid_and_recent(sandbox: SandboxDesk) -> None:
    charts = sandbox_charts(TODAY)
    resources = [*sandbox_resources(charts), *(one for chart in charts for one in chart.drafts)]
    for resource in resources:
        get_fhir_model_class(resource["resourceType"]).model_validate(resource)
    under_way = [one for one in resources if one.get("status") == "in-progress"]
    assert {one["period"]["start"][:10] for one in under_way} == {"2026-11-25"}
    assert all(patient.drafts for patient in sandbox.patients)
    assert len({(one["resourceType"], one["id"]) for one in resources}) == len(resources)


def test_making_the_charts_is_quick() -> None:
    started = time.process_time()
    sandbox_charts(TODAY)
    assert time.process_time() - started < 2
