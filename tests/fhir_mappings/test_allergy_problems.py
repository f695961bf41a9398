"""Allergies that stand on the problem list alone."""

import pytest

from tests.fhir_mappings.calls import SNOMED, Resource, allergy, condition, kinds, map_call, state

ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"


def coded(system: str, code: str, **more: object) -> Resource:
    return condition("", code={"coding": [{"system": system, "code": code}]}, **more)


@pytest.mark.parametrize(
    "problem",
    [
        coded(ICD10, "Z88.0"),
        coded("http://hl7.org/fhir/sid/icd-9-cm", "V140"),
        coded(SNOMED, "91936005"),
        condition("Allergy to penicillin (finding)"),
        condition("Penicillin allergy"),
        condition("Personal history of allergy to penicillins"),
    ],
)
def test_an_allergy_on_the_problem_list_alone_counts(problem: Resource) -> None:
    record, gaps = map_call(problem)
    assert [(one.substance_class, one.reference) for one in record.allergies] == [
        ("penicillins", "Condition/c1")
    ]
    assert "allergy-only-in-problems" in kinds(gaps)


@pytest.mark.parametrize(
    "problem",
    [
        condition("Family history of penicillin allergy"),
        condition("No penicillin allergy"),
        condition("Seasonal allergy"),
        condition("Penicillin resistant infection"),
        coded(ICD10, "Z88.0", clinicalStatus=state("resolved")),
        coded(ICD10, "Z88.0", verificationStatus=state("refuted")),
    ],
)
def test_what_is_no_allergy_to_a_medication_is_none(problem: Resource) -> None:
    assert map_call(problem)[0].allergies == ()


def test_what_the_allergy_list_holds_is_not_said_twice() -> None:
    record, gaps = map_call(allergy("Penicillin"), coded(ICD10, "Z88.0"))
    assert [one.reference for one in record.allergies] == ["AllergyIntolerance/a1"]
    assert "allergy-only-in-problems" not in kinds(gaps)


@pytest.mark.parametrize("word", ["refuted", "resolved"])
def test_what_the_allergy_list_says_is_over_stays_over(word: str) -> None:
    status = {"verificationStatus" if word == "refuted" else "clinicalStatus": state(word)}
    record, _ = map_call(allergy("Penicillin", **status), coded(ICD10, "Z88.0"))
    assert record.allergies == ()


def test_an_entry_in_error_says_nothing_of_the_problem() -> None:
    status = {"verificationStatus": state("entered-in-error")}
    record, _ = map_call(allergy("Penicillin", **status), coded(ICD10, "Z88.0"))
    assert [one.substance_class for one in record.allergies] == ["penicillins"]
