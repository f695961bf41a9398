"""What one call changes of what is current: stops, replacements, and ids that are used twice."""

from typing import Any

import pytest

from tests.fhir_mappings.calls import (
    RXNORM,
    SUBJECT,
    allergy,
    ingredients,
    kinds,
    map_call,
    request,
    state,
)

STATINS = request("simvastatin 20", id="SV")


def draft(text: str, **more: Any) -> dict[str, Any]:
    return request(text, **({"status": "draft"} | more))


@pytest.mark.parametrize("status", ["stopped", "cancelled", "completed", "entered-in-error"])
def test_a_stop_among_the_drafts_takes_the_order_off_the_list(status: str) -> None:
    stop = STATINS | {"status": status}
    record, gaps = map_call(STATINS, drafts=[draft("clarithromycin", id="C"), stop])
    assert ingredients(record.ordered) == [["Clarithromycin"]]
    assert record.current == ()
    assert kinds(gaps) == ["order-withdrawn"]


def test_a_stop_of_another_patients_order_stops_nothing() -> None:
    stop = STATINS | {"status": "stopped", "subject": {"reference": "Patient/p2"}}
    assert ingredients(map_call(STATINS, drafts=[stop])[0].current) == [["Simvastatin"]]


def test_a_prescription_that_a_draft_replaces_is_not_current() -> None:
    prior = {"priorPrescription": {"reference": "MedicationRequest/SV"}}
    record, gaps = map_call(STATINS, drafts=[draft("pravastatin 20", id="P", **prior)])
    assert record.current == ()
    assert [(gap.kind, gap.where, gap.shown) for gap in gaps] == [
        ("order-replaced", "MedicationRequest/SV", False)
    ]


def test_a_withdrawn_draft_replaces_nothing() -> None:
    prior = {"priorPrescription": {"reference": "MedicationRequest/SV"}, "status": "stopped"}
    record, _ = map_call(STATINS, drafts=[draft("pravastatin 20", id="P", **prior)])
    assert ingredients(record.current) == [["Simvastatin"]]


def test_two_drafts_with_one_id_are_both_ordered_unless_they_are_the_same() -> None:
    one, other = draft("simvastatin 20", id="Q"), draft("clarithromycin", id="Q")
    record, _ = map_call(drafts=[one, other, one])
    assert ingredients(record.ordered) == [["Simvastatin"], ["Clarithromycin"]]


def test_a_draft_with_the_id_of_another_medication_leaves_it_current() -> None:
    record, _ = map_call(
        request("clarithromycin", id="Q"), drafts=[draft("simvastatin 20", id="Q")]
    )
    assert ingredients(record.current) == [["Clarithromycin"]]
    assert ingredients(record.ordered) == [["Simvastatin"]]


def test_two_active_medications_with_one_id_are_both_current() -> None:
    one, other = request("clarithromycin", id="Q"), request("simvastatin 20", id="Q")
    record, _ = map_call(one, other, one)
    assert ingredients(record.current) == [["Clarithromycin"], ["Simvastatin"]]


@pytest.mark.parametrize("turned", [False, True])
def test_an_allergy_that_is_refuted_and_active_under_one_id_is_checked_and_told(
    turned: bool,
) -> None:
    refuted = allergy("Amoxicillin", verificationStatus=state("refuted"))
    both = [refuted, allergy("Amoxicillin", clinicalStatus=state("active"))]
    record, gaps = map_call(*(reversed(both) if turned else both))
    assert ingredients(record.allergies) == [["Amoxicillin"]]
    assert [(gap.kind, gap.where) for gap in gaps] == [("id-twice", "AllergyIntolerance/a1")]


def test_what_differs_only_in_what_its_server_adds_is_one() -> None:
    again: dict[str, Any] = {"meta": {"versionId": "2"}, "text": {"status": "generated"}}
    record, gaps = map_call(allergy("Amoxicillin"), allergy("Amoxicillin") | again)
    assert (len(record.allergies), gaps) == (1, ())


def test_an_order_that_is_stopped_and_active_under_one_id_is_taken_and_told() -> None:
    record, gaps = map_call(STATINS | {"status": "stopped"}, STATINS, STATINS | {"note": []})
    assert ingredients(record.current) == [["Simvastatin"]]
    assert kinds(gaps) == ["id-twice"]


def coded(text: str, code: str) -> dict[str, Any]:
    coding = {"system": RXNORM, "code": code}
    return {"medicationCodeableConcept": {"text": text, "coding": [coding]}}


def test_a_code_and_a_text_that_name_different_medications_are_told() -> None:
    record, gaps = map_call(request(id="r1", **coded("Warfarin 5 MG", "29046")))
    assert ingredients(record.current) == [["Lisinopril"]]
    assert [(gap.kind, gap.where, gap.shown) for gap in gaps] == [
        ("medication-contradicts", "MedicationRequest/r1", True)
    ]
    assert "Warfarin" in gaps[0].meaning
    assert "Lisinopril" in gaps[0].meaning


@pytest.mark.parametrize("text", ["Zestril", "Lisinopril 10 MG / HCTZ 12.5 MG", "the blue one"])
def test_a_text_that_agrees_or_says_nothing_contradicts_nothing(text: str) -> None:
    assert map_call(request(**coded(text, "29046")))[1] == ()


def dosed(*ends: str | None) -> dict[str, Any]:
    bounds = [{"boundsPeriod": {"start": "2026-01-01"} | ({"end": e} if e else {})} for e in ends]
    return {"dosageInstruction": [{"timing": {"repeat": one}} for one in bounds]}


@pytest.mark.parametrize(
    ("ends", "ended"),
    [
        (("2026-02-01",), "2026-02-01"),
        (("2026-02-01", "2026-03-01"), "2026-03-01"),
        (("2026-02-01", None), "2026-12-01"),
        ((), "2026-12-01"),
    ],
)
def test_the_latest_dosing_end_is_the_end(ends: tuple[str | None, ...], ended: str) -> None:
    validity = {"dispenseRequest": {"validityPeriod": {"end": "2026-12-01"}}}
    record, _ = map_call(request("Warfarin", **dosed(*ends), **validity))
    assert str(record.current[0].ended) == ended


def test_a_coded_value_keeps_its_codes() -> None:
    value = {"coding": [{"code": "77386006", "display": "Pregnant"}], "text": "Yes - G2P1"}
    status = {"coding": [{"system": "http://loinc.org", "code": "82810-3"}]}
    seen = {"resourceType": "Observation", "status": "final", "subject": SUBJECT, "code": status}
    (found,) = map_call(seen | {"valueCodeableConcept": value})[0].observations
    assert (found.coded, found.codes) == ("Yes - G2P1", ("77386006",))
