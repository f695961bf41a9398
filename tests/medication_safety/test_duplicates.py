from dataclasses import replace
from datetime import date

import pytest

from fhir_mappings.record import Medication
from medication_safety.check import is_on_current, is_on_proposal
from tests.medication_safety.charts import allergy, chart, ingredient, judged, order, taken

DUPLICATES = ("duplicate-ingredient", "duplicate-class")


def found(ordered: Medication, beside: Medication) -> list[tuple[str, str]]:
    record = chart(current=(beside,), ordered=(ordered,))
    return [(one.rule, one.severity) for one in judged(record, *DUPLICATES)]


def test_another_product_of_an_ingredient_on_the_list_is_a_warning() -> None:
    beside = taken("Lisinopril", "Lisinopril 10 MG Oral Tablet")

    assert found(order("Lisinopril", "Lisinopril 20 MG Oral Tablet"), beside) == [
        ("duplicate-ingredient", "warning")
    ]


def test_the_same_product_again_is_mostly_a_renewal_and_only_said() -> None:
    beside = taken("Lisinopril", "Lisinopril 10 MG Oral Tablet")

    assert found(order("Lisinopril", "Lisinopril 10 MG Oral Tablet"), beside) == [
        ("duplicate-ingredient", "info")
    ]


def test_what_is_taken_as_needed_by_its_dosage_may_stand_beside_another() -> None:
    beside = taken("Naproxen", "Naproxen 250 MG Oral Tablet")

    assert found(order("Diclofenac"), beside) == [("duplicate-class", "warning")]
    assert found(order("Diclofenac", directions="as needed"), beside) == [
        ("duplicate-class", "info")
    ]


def test_two_drafts_of_one_product_are_a_warning_on_the_second() -> None:
    first = order("Lisinopril", reference="MedicationRequest/1")
    second = replace(first, reference="MedicationRequest/2")

    (finding,) = judged(chart(ordered=(first, second)), *DUPLICATES)

    assert (finding.severity, finding.medication.reference) == ("warning", "MedicationRequest/2")
    assert finding.because[0].reference == "MedicationRequest/1"


@pytest.mark.parametrize(
    "reference", ["MedicationRequest/7", "https://ehr.test/MedicationRequest/7"]
)
def test_an_order_that_is_signed_again_is_not_its_own_duplicate(reference: str) -> None:
    beside = taken("Lisinopril", reference=reference)

    assert found(order("Lisinopril", reference="MedicationRequest/7"), beside) == []


def test_an_ingredient_inside_a_combination_counts() -> None:
    both = Medication(
        display="Lisinopril / Hydrochlorothiazide",
        ingredients=(ingredient("Lisinopril"), ingredient("Hydrochlorothiazide")),
    )

    assert ("duplicate-ingredient", "warning") in found(order("Hydrochlorothiazide"), both)


@pytest.mark.parametrize(("day", "count"), [(date(2026, 3, 2), 0), (date(2026, 3, 3), 1)])
def test_what_ends_today_is_being_switched(day: date, count: int) -> None:
    beside = taken("Pantoprazole", ended=day)

    assert len(found(order("Omeprazole"), beside)) == count


@pytest.mark.parametrize(
    ("ordered", "beside"),
    [
        ("Simvastatin", "Atorvastatin"),
        ("Lisinopril", "Losartan"),
        ("Sertraline", "Venlafaxine"),
        ("Lorazepam", "Zolpidem"),
        ("Ibuprofen", "Naproxen"),
        ("Apixaban", "Enoxaparin"),
        ("Zopiclone", "Temazepam"),
        ("Azilsartan", "Ramipril"),
        ("Insulin lispro", "Insulin aspart"),
    ],
)
def test_two_of_one_class_are_a_warning(ordered: str, beside: str) -> None:
    assert found(order(ordered), taken(beside)) == [("duplicate-class", "warning")]


@pytest.mark.parametrize(
    ("ordered", "beside"),
    [
        ("Senna", "Bisacodyl"),
        ("Insulin glargine", "Insulin lispro"),
        ("Acetylsalicylic acid", "Clopidogrel"),
        ("Warfarin", "Heparin"),
        ("Warfarin", "Enoxaparin"),
        ("Acenocoumarol", "Tinzaparin"),
        ("Norepinephrine", "Vasopressin"),
        ("Levetiracetam", "Lamotrigine"),
        ("Calcium gluconate", "Potassium chloride"),
        ("Isoniazid", "Ethambutol"),
        ("Metoprolol", "Lisinopril"),
    ],
)
def test_what_is_combined_on_purpose_is_no_duplicate(ordered: str, beside: str) -> None:
    assert found(order(ordered), taken(beside)) == []


@pytest.mark.parametrize("label", ["Sodium chloride", "D-glucose", "Potassium chloride"])
def test_fluids_and_electrolytes_may_be_repeated(label: str) -> None:
    assert found(order(label, f"{label} bag"), taken(label)) == []


@pytest.mark.parametrize(
    ("ordered", "beside", "expected"),
    [
        ("Ibuprofen 5 % topical gel", "Ibuprofen 400 MG Oral Tablet", []),
        ("Ibuprofen 200 MG Oral Tablet", "Ibuprofen 400 MG Oral Tablet", ["warning"]),
        ("Ibuprofen 4 MG/ML Injection", "Ibuprofen 400 MG Oral Tablet", ["info"]),
    ],
)
def test_the_form_of_an_order_matters(ordered: str, beside: str, expected: list[str]) -> None:
    findings = found(order("Ibuprofen", ordered), taken("Ibuprofen", beside))

    assert [severity for _, severity in findings] == expected


@pytest.mark.parametrize(
    ("beside", "count"),
    [
        ("12 HR Morphine 30 MG Extended Release Oral Tablet", 0),
        ("Morphine 30mg modified-release tablets", 0),
        ("MST Continus 30mg tablets", 0),
        ("Morphine 30 MG Oral Tablet", 1),
    ],
)
def test_a_rescue_opioid_beside_a_long_acting_one_is_meant(beside: str, count: int) -> None:
    rescue = order("Oxycodone", "Oxycodone 5 MG Oral Tablet")

    assert len(found(rescue, taken("Morphine", beside))) == count


def test_a_heparin_flush_is_no_anticoagulant() -> None:
    assert found(order("Heparin", "Heparin 10 UNT/ML flush"), taken("Apixaban")) == []


def test_of_two_that_are_both_taken_the_later_one_is_spoken_of() -> None:
    record = chart(current=(taken("Simvastatin"), taken("Atorvastatin")))

    (finding,) = judged(record, *DUPLICATES)

    assert finding.medication == record.current[1]
    assert is_on_current(finding, record)


def test_a_suggestion_of_a_class_on_the_list_is_objected_to_as_a_suggestion() -> None:
    record = chart(current=(taken("Simvastatin"),))

    (finding,) = judged(record, *DUPLICATES, proposed=[ingredient("Atorvastatin")])

    assert is_on_proposal(finding)
    assert finding.medication == Medication(
        display="Atorvastatin", ingredients=(ingredient("Atorvastatin"),), status="proposed"
    )


def test_of_two_suggestions_of_one_class_the_better_stays() -> None:
    proposed = [ingredient("Atorvastatin"), ingredient("Simvastatin")]

    findings = judged(chart(), *DUPLICATES, proposed=proposed)

    assert [finding.medication.display for finding in findings] == ["Simvastatin"]


def test_a_suggestion_that_is_withheld_does_not_speak_against_the_next() -> None:
    record = chart(allergies=(allergy("Atorvastatin", criticality="high"),))
    proposed = [ingredient("Atorvastatin"), ingredient("Metformin")]

    findings = judged(record, *DUPLICATES, "allergy", proposed=proposed)

    assert [(one.rule, one.medication.display) for one in findings] == [("allergy", "Atorvastatin")]


def test_an_order_repeats_several_and_one_finding_names_them_all() -> None:
    current = (taken("Simvastatin"), taken("Pravastatin"))

    ordered = order("Atorvastatin")
    found = judged(chart(current=current, ordered=(ordered,)), *DUPLICATES)
    (finding,) = (one for one in found if one.medication == ordered)

    assert [fact.reference for fact in finding.because] == [one.reference for one in current]
    assert len(finding.summary) < 140


def test_another_medication_with_the_same_id_is_another_order() -> None:
    beside = taken("Simvastatin", reference="MedicationRequest/Q")

    assert found(order("Atorvastatin", reference="MedicationRequest/Q"), beside) != []


def test_what_a_prescriber_may_mean_is_not_suggested_beside_the_other() -> None:
    record = chart(current=(taken("Warfarin"),))
    (finding,) = judged(record, *DUPLICATES, proposed=[ingredient("Heparin")])

    assert (finding.rule, finding.medication.status) == ("duplicate-class", "proposed")
