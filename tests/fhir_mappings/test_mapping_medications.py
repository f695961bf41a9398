import pytest

from tests.fhir_mappings.calls import (
    RXNORM,
    SUBJECT,
    Resource,
    ingredients,
    kinds,
    map_call,
    request,
)

CODED = {"coding": [{"system": RXNORM, "code": "855332", "display": "warfarin sodium 5 MG"}]}
MEDICATION = {"resourceType": "Medication", "id": "m", "code": CODED}


@pytest.mark.parametrize(
    "naming",
    [
        {"medicationCodeableConcept": CODED},
        {"medicationCodeableConcept": {"text": "Coumadin 5 mg"}},
        {"medicationReference": {"reference": "#m"}, "contained": [MEDICATION]},
        {"medicationReference": {"reference": "Medication/m"}},
        {"medicationReference": {"reference": "urn:uuid:m"}},
        {"medicationReference": {"reference": "Medication/9", "display": "Warfarin 5 MG"}},
        {"medicationCodeableConcept": "Warfarin"},
    ],
)
def test_every_way_of_naming_a_medication_is_followed(naming: Resource) -> None:
    record, _ = map_call(request(**naming), MEDICATION)
    assert ingredients(record.current) == [["Warfarin"]]


def test_a_medication_without_a_code_is_read_by_its_ingredients() -> None:
    parts = [{"itemCodeableConcept": {"text": name}} for name in ("Lisinopril", "Aspirin")]
    sent = {"resourceType": "Medication", "id": "m", "ingredient": parts}
    record, gaps = map_call(request(medicationReference={"reference": "Medication/m"}), sent)
    assert ingredients(record.current) == [["Lisinopril", "Acetylsalicylic acid"]]
    assert gaps == ()


def test_an_ingredient_by_reference_is_followed_and_one_that_is_lost_is_told() -> None:
    substance = {"resourceType": "Substance", "id": "s", "code": {"text": "Lisinopril"}}
    parts = [{"itemReference": {"reference": f"#{one}"}} for one in ("s", "gone")]
    filler = {"itemCodeableConcept": {"text": "Lactose"}, "isActive": False}
    sent = {"resourceType": "Medication", "id": "m", "ingredient": [*parts, filler]}
    naming: Resource = {"medicationReference": {"reference": "#m"}, "contained": [sent, substance]}
    record, gaps = map_call(request(**naming))
    assert ingredients(record.current) == [["Lisinopril"]]
    assert [(gap.kind, gap.shown) for gap in gaps] == [("medication-partial", True)]


def test_a_code_that_nobody_knows_is_named_in_its_gap() -> None:
    code = {"coding": [{"system": RXNORM, "code": "99999999"}]}
    _, (gap,) = map_call(request(medicationCodeableConcept=code))
    assert gap.meaning.startswith("'RxNorm 99999999' is not in the formulary")


@pytest.mark.parametrize(
    "status", ["completed", "stopped", "cancelled", "draft", "entered-in-error"]
)
def test_what_is_over_is_not_current(status: str) -> None:
    assert map_call(request("Warfarin", status=status))[0].current == ()


@pytest.mark.parametrize("more", [{"intent": "proposal"}, {"doNotPerform": True}])
def test_what_was_only_proposed_or_forbidden_is_not_current(more: Resource) -> None:
    assert map_call(request("Warfarin", **more))[0].current == ()


def test_statements_count_and_one_resource_counts_once() -> None:
    statement: Resource = {"resourceType": "MedicationStatement", "id": "s", "status": "active"}
    statement |= {"subject": SUBJECT, "medicationCodeableConcept": {"text": "Lisinopril 10 MG"}}
    plan = request("Warfarin", id="r", intent="plan", reportedBoolean=True)
    record, _ = map_call(
        plan, plan, statement, statement, statement | {"id": "t", "status": "not-taken"}
    )
    assert ingredients(record.current) == [["Warfarin"], ["Lisinopril"]]


def test_a_draft_stands_in_for_the_order_that_it_changes() -> None:
    active = request("Warfarin", id="r1")
    record, _ = map_call(active, drafts=[active | {"status": "draft"}])
    assert record.current == ()
    assert ingredients(record.ordered) == [["Warfarin"]]


def test_a_medication_that_we_do_not_know_is_a_shown_gap_with_its_name() -> None:
    record, gaps = map_call(request("Foozumab 5 MG", id="r1"))
    assert record.current[0].display == "Foozumab 5 MG"
    assert [(g.kind, g.where, g.shown) for g in gaps] == [
        ("medication-unresolved", "MedicationRequest/r1", True)
    ]
    assert "'Foozumab 5 MG'" in gaps[0].meaning


def test_half_a_combination_is_a_shown_gap() -> None:
    record, gaps = map_call(request("Lisinopril 10 MG / Foozumab 5 MG Oral Tablet"))
    assert ingredients(record.current) == [["Lisinopril"]]
    assert [(gap.kind, gap.shown) for gap in gaps] == [("medication-partial", True)]


def test_an_order_by_code_alone_is_called_by_what_the_code_means() -> None:
    code = {"coding": [{"system": RXNORM, "code": "308182"}]}
    record, gaps = map_call(drafts=[request(id="d1", medicationCodeableConcept=code)])
    assert [one.display for one in record.ordered] == ["Amoxicillin"]
    assert gaps == ()


def test_drafts_are_what_is_being_ordered() -> None:
    service = {"resourceType": "ServiceRequest", "id": "x", "subject": SUBJECT}
    older = {"resourceType": "MedicationOrder", "patient": SUBJECT, "dateWritten": "2026-11-22"}
    record, gaps = map_call(
        drafts=[
            request("Warfarin", id="d1", status="draft"),
            older | {"medicationCodeableConcept": CODED},
            request(medicationReference={"reference": "Medication/m"}),
            MEDICATION,
            service,
        ]
    )
    assert ingredients(record.ordered) == [["Warfarin"]] * 3
    assert record.ordered[0].reference == "MedicationRequest/d1"
    assert [(gap.kind, gap.where, gap.shown) for gap in gaps] == [
        ("order-not-medication", "ServiceRequest/x", False)
    ]


def test_an_order_without_a_medication_yet_is_a_harmless_gap() -> None:
    record, gaps = map_call(drafts=[request(id="d1", status="draft")])
    assert record.ordered == ()
    assert [(gap.kind, gap.shown) for gap in gaps] == [("order-without-medication", False)]


def test_an_order_for_another_patient_is_set_aside_and_shown() -> None:
    order = request("Warfarin", status="draft", subject={"reference": "Patient/p2"})
    record, gaps = map_call(drafts=[order])
    assert record.ordered == ()
    assert [(gap.kind, gap.shown) for gap in gaps] == [("other-patient", True)]


def test_a_draft_that_is_no_object_or_withdrawn_is_told() -> None:
    withdrawn = request("Warfarin", status="entered-in-error")
    record, gaps = map_call(drafts=["Warfarin", withdrawn])
    assert record.ordered == ()
    assert kinds(gaps) == ["malformed", "order-withdrawn"]
