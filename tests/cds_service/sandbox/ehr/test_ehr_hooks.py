"""What the EHR sends when its pages are used, and what the service makes of it."""

import json
from typing import Any

from tests.cds_service.sandbox.ehr.trying import Trying, text_of

ADAM, IRENE, NOAH = "Adam Birch", "Irene Jacobs", "Noah Olsen"


def sent_by(trying: Trying, name: str) -> Any:
    return json.loads(trying.last(trying.patient(name)).answer.sent)


def test_the_patients_are_listed_with_what_each_shows(trying: Trying) -> None:
    page = text_of(trying.pages.get("/").text)
    for patient in trying.desk.patients:
        assert patient.name in page
        assert patient.shows in page
    assert "5 services in" in page


def test_a_chart_that_is_opened_is_told_to_the_service_as_a_registered_client(
    trying: Trying,
) -> None:
    adam = trying.patient(ADAM)
    page = text_of(trying.click(adam, "open"))
    assert sent_by(trying, ADAM)["context"] == {
        "userId": "Practitioner/sandbox-physician",
        "patientId": adam.patient_id,
        "encounterId": adam.encounter_id,
    }
    assert trying.newest_event().body["client"] == "sandbox-ehr"
    assert trying.last(adam).answer.headers["Lamo-Caller"] == "sandbox-ehr"
    assert "Fluticasone" in page
    assert "Allergies: Penicillin" in page


def test_the_prefetch_is_filled_for_every_template_of_discovery(trying: Trying) -> None:
    trying.click(trying.patient(ADAM), "open")
    prefetch = sent_by(trying, ADAM)["prefetch"]
    service = next(one for one in trying.ehr.sitting.services if one["hook"] == "patient-view")
    assert list(prefetch) == list(service["prefetch"])
    assert prefetch["patient"]["id"] == trying.patient(ADAM).patient_id
    assert prefetch["allergies"]["total"] == 1
    assert trying.newest_event().body["gaps"] == []


def test_without_prefetch_the_service_reads_the_fhir_server_with_a_token(trying: Trying) -> None:
    trying.pages.post("/ehr/sitting", data={"prefetch": "no"})
    adam = trying.patient(ADAM)
    page = trying.click(adam, "select", trial="0")
    sent = sent_by(trying, ADAM)
    assert "prefetch" not in sent
    assert "allergy to Penicillin" in text_of(page)
    assert sent["fhirAuthorization"]["patient"] == adam.patient_id
    assert sent["fhirAuthorization"]["access_token"] not in page


def test_choosing_of_the_formulary_sends_the_draft_as_the_selection(trying: Trying) -> None:
    noah = trying.patient(NOAH)
    assert "Tylenol" not in (page := trying.page(noah, "?q=tylen"))
    assert 'value="161"' in page
    trying.click(noah, "select", rxcui="161", dose="500 mg  as needed")
    (draft,) = trying.orders(noah, "draft")
    context = sent_by(trying, NOAH)["context"]
    assert context["selections"] == [f"MedicationRequest/{draft['id']}"]
    assert context["draftOrders"]["entry"] == [{"resource": draft}]
    assert draft["dosageInstruction"] == [{"text": "500 mg as needed"}]


def test_signing_sends_all_drafts_and_makes_them_active_once_the_cards_were_seen(
    trying: Trying,
) -> None:
    adam = trying.patient(ADAM)
    trying.click(adam, "select", trial="0")
    trying.click(adam, "select", rxcui="161")
    assert "allergy to Penicillin" in trying.click(adam, "sign")
    assert len(sent_by(trying, ADAM)["context"]["draftOrders"]["entry"]) == 2
    assert trying.orders(adam, "active") == []
    assert "2 orders are signed and active" in trying.click(adam, "sign/confirm")
    assert len(trying.orders(adam, "active")) == 2
    assert trying.orders(adam, "draft") == []


def test_orders_that_the_service_has_nothing_to_say_of_are_signed_at_once(trying: Trying) -> None:
    noah = trying.patient(NOAH)
    trying.scorer.log_odds = {"Acetaminophen": 20.0}
    trying.click(noah, "select", trial="0")
    assert "1 order is signed and active" in trying.click(noah, "sign")
    assert trying.last(noah).occasion.hook == "order-sign"


def test_drafts_that_were_not_checked_are_not_signed(trying: Trying) -> None:
    adam = trying.patient(ADAM)
    trying.click(adam, "select", trial="0")
    trying.click(adam, "sign")
    trying.click(adam, "select", rxcui="161")
    assert "others than those that were checked" in trying.click(adam, "sign/confirm")
    assert trying.orders(adam, "active") == []


def test_discharge_tells_of_the_encounter(trying: Trying) -> None:
    irene = trying.patient(IRENE)
    trying.click(irene, "discharge")
    assert sent_by(trying, IRENE)["hook"] == "encounter-discharge"
    assert sent_by(trying, IRENE)["context"]["encounterId"] == irene.encounter_id
    assert trying.newest_event().body["hook"] == "encounter-discharge"


def test_the_pharmacist_signs_as_pharmacist(trying: Trying) -> None:
    user = trying.desk.users[1].user_id
    trying.pages.post("/ehr/sitting", data={"user": user, "prefetch": "yes"})
    adam = trying.patient(ADAM)
    trying.click(adam, "select", trial="0")
    assert sent_by(trying, ADAM)["context"]["userId"] == user


def test_an_order_is_given_a_dose_removed_signed_and_stopped(trying: Trying) -> None:
    adam = trying.patient(ADAM)
    for rxcui in ("161", "8591"):
        trying.click(adam, "select", rxcui=rxcui)
    first, second = (one["id"] for one in trying.orders(adam, "draft"))
    trying.click(adam, f"drafts/{first}/dose", dose="1 g")
    trying.click(adam, f"drafts/{second}/remove")
    trying.click(adam, "sign")
    trying.click(adam, "sign/confirm")
    (active,) = trying.orders(adam, "active")
    assert active["dosageInstruction"] == [{"text": "1 g"}]
    assert "Order stopped" in trying.click(adam, f"orders/{first}/stop")
    assert [one["id"] for one in trying.orders(adam, "stopped")] == [first]
    assert "not there any more" in trying.click(adam, f"orders/{first}/stop")
