"""Of two that harm together and stand alike, a finding is about the one more easily given up."""

from dataclasses import replace

import pytest

from fhir_mappings.record import PatientRecord
from medication_safety.check import check_medications
from tests.medication_safety.charts import RULEBOOK, chart, ingredient, judged, order, taken


def told_of(record: PatientRecord) -> list[str]:
    return [one.medication.display for one in judged(record, "interaction")]


@pytest.mark.parametrize(
    ("kept", "given_up"),
    [
        ("Apixaban", "Diclofenac"),
        ("Warfarin", "Fluconazole"),
        ("Methotrexate", "Trimethoprim"),
        ("Clozapine", "Ciprofloxacin"),
        ("Clarithromycin", "Simvastatin"),
        ("Isosorbide mononitrate", "Sildenafil"),
        ("Spironolactone", "Potassium chloride"),
    ],
)
def test_stopping_is_never_offered_of_the_one_that_is_needed(kept: str, given_up: str) -> None:
    both, drafts = (taken(kept), taken(given_up)), (order(kept), order(given_up))

    for pair in (both, both[::-1]):
        assert told_of(chart(current=pair)) == [given_up]
    for pair in (drafts, drafts[::-1]):
        assert told_of(chart(ordered=pair)) == [given_up]


def test_an_order_beside_what_is_taken_is_what_can_be_left() -> None:
    record = chart(current=(taken("Diclofenac"),), ordered=(order("Apixaban"),))
    (finding,) = judged(record, "interaction")

    assert finding.medication.display == "Apixaban"
    assert finding.summary.startswith("Consider an alternative to Apixaban with Diclofenac")


def test_a_suggestion_beside_what_is_taken_is_what_is_withheld() -> None:
    record = chart(current=(taken("Diclofenac"),))
    found = check_medications(record, [ingredient("Apixaban")], RULEBOOK)

    assert {one.medication.status for one in found if one.rule == "interaction"} == {"proposed"}


def test_two_that_must_not_meet_are_not_told_to_be_of_one_class_as_well() -> None:
    both = replace(
        order("Valsartan"), ingredients=tuple(map(ingredient, ("Valsartan", "Sacubitril")))
    )
    record = chart(current=(taken("Ramipril"), taken("Candesartan")), ordered=(both,))
    found = [
        one for one in judged(record, "interaction", "duplicate-class") if one.medication == both
    ]

    assert [(one.rule, one.because[-1].text.split()[0]) for one in found] == [
        ("duplicate-class", "Candesartan"),
        ("interaction", "Ramipril"),
    ]
