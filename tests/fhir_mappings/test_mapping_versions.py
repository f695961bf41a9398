"""What another FHIR version says in its own way, as far as a whole record shows it."""

from typing import Any

import pytest

from tests.fhir_mappings.calls import (
    RXNORM,
    SUBJECT,
    allergy,
    encounter,
    ingredients,
    kinds,
    labels,
    map_call,
    request,
)

IBUPROFEN = {"coding": [{"system": RXNORM, "code": "197807"}], "text": "ibuprofen 800 MG"}


def order(name: str, **more: Any) -> dict[str, Any]:
    """A MedicationOrder of DSTU2."""
    base = {"resourceType": "MedicationOrder", "id": name, "patient": SUBJECT}
    named = {"medicationCodeableConcept": IBUPROFEN, "dateWritten": "2026-11-01"}
    return base | named | {"status": "active"} | more


def statement(**more: Any) -> dict[str, Any]:
    base = {"resourceType": "MedicationStatement", "id": "s1", "subject": SUBJECT}
    return base | more


def test_a_recorded_medication_order_is_current_and_keeps_its_own_name() -> None:
    record, gaps = map_call(order("o1"))
    assert ingredients(record.current) == [["Ibuprofen"]]
    assert record.current[0].reference == "MedicationOrder/o1"
    assert str(record.current[0].started) == "2026-11-01"
    assert gaps == ()


def test_a_medication_order_of_another_patient_is_set_aside() -> None:
    record, gaps = map_call(order("o1", patient={"reference": "Patient/p2"}))
    assert record.current == ()
    assert [(gap.kind, gap.where) for gap in gaps] == [("other-patient", "MedicationOrder/o1")]


def test_the_draft_of_the_sandbox_is_ordered() -> None:
    draft = order("order-123", status="draft", reasonCodeableConcept={"text": "Pain"})
    record, gaps = map_call(order("o1"), drafts=[draft])
    assert ingredients(record.ordered) == [["Ibuprofen"]]
    assert record.ordered[0].reference == "MedicationOrder/order-123"
    assert len(record.current) == 1
    assert gaps == ()


def test_a_stop_and_a_replacement_among_medication_orders_are_followed() -> None:
    prior = {"priorPrescription": {"reference": "MedicationOrder/o2"}}
    drafts = [order("o1", status="stopped"), order("o3", status="draft", **prior)]
    record, gaps = map_call(order("o1"), order("o2"), drafts=drafts)
    assert record.current == ()
    assert kinds(gaps) == ["order-withdrawn", "order-replaced"]


def test_an_allergy_of_dstu2_has_a_substance_and_one_status() -> None:
    old = allergy(None, substance={"text": "Penicillin"}, status="active", criticality="CRITH")
    record, gaps = map_call(old, allergy(None, id="a2", substance={"text": "x"}, status="refuted"))
    assert [(one.substance_class, one.criticality) for one in record.allergies] == [
        ("penicillins", "high")
    ]
    assert gaps == ()


def test_a_draft_of_r5_is_ordered() -> None:
    draft = request(id="d1", status="draft") | {"medication": {"concept": {"text": "Warfarin"}}}
    assert ingredients(map_call(drafts=[draft])[0].ordered) == [["Warfarin"]]


def test_a_draft_of_r5_that_is_over_stops_what_it_names() -> None:
    named = {"medication": {"concept": {"text": "Warfarin"}}}
    record, _ = map_call(
        request(id="r1") | named, drafts=[request(id="r1", status="ended") | named]
    )
    assert record.current == ()


@pytest.mark.parametrize(
    ("status", "end", "is_current"),
    [
        ("unknown", "2026-11-21", False),
        ("unknown", "2026-11-22", True),
        ("unknown", "2027", True),
        ("active", "2020-01-01", True),
        ("recorded", "2026-11-21", False),
        ("recorded", "2027-01-01", True),
    ],
)
def test_where_a_status_does_not_say_the_end_of_the_time_does(
    status: str, end: str, *, is_current: bool
) -> None:
    named = {"medicationCodeableConcept": {"text": "Warfarin"}}
    record, _ = map_call(statement(status=status, effectivePeriod={"end": end}, **named))
    assert bool(record.current) is is_current


def test_a_diagnosis_of_a_stay_that_is_a_concept_alone_is_a_harmless_gap() -> None:
    listed = {"diagnosis": [{"condition": [{"concept": {"text": "Asthma"}}]}]}
    stay = encounter("e1", "IMP", "finished", "2026-01-01", "2026-01-04", **listed)
    record, gaps = map_call(stay)
    assert record.previous is not None
    assert labels(record.previous.diagnoses) == []
    assert [(gap.kind, gap.shown) for gap in gaps] == [("malformed", False)]
