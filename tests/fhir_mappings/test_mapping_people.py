from datetime import datetime

import pytest

from fhir_mappings.mapping import HookResources
from tests.fhir_mappings.calls import PATIENT, kinds, map_call, without


@pytest.mark.parametrize(
    ("born", "age"), [("1950-11-22", 76), ("1950-11-23", 75), ("1950", 76), ("1920-01-01", 90)]
)
def test_the_age_is_in_whole_years_and_90_for_all_above(born: str, age: int) -> None:
    record, gaps = map_call(patient=PATIENT | {"birthDate": born})
    assert record.age == age
    assert gaps == ()


@pytest.mark.parametrize("born", ["2030-01-01", "yesterday", 1950, None, "1750"])
def test_a_birth_date_that_cannot_be_is_a_gap(born: object) -> None:
    record, gaps = map_call(patient=PATIENT | {"birthDate": born})
    assert record.age is None
    assert "age-unknown" in kinds(gaps)


def test_a_sex_that_is_not_recorded_is_a_harmless_gap() -> None:
    record, gaps = map_call(patient=PATIENT | {"gender": "unknown"})
    assert record.sex is None
    assert [(gap.kind, gap.shown) for gap in gaps] == [("sex-unknown", False)]


def test_a_call_without_its_patient_says_so() -> None:
    record, gaps = map_call(patient=None)
    assert (record.age, record.sex, kinds(gaps)) == (None, None, ["patient-missing"])


def test_another_patient_is_not_taken_for_the_one_of_the_call() -> None:
    record, gaps = map_call(patient=PATIENT | {"id": "p2"})
    assert record.age is None
    assert kinds(gaps) == ["other-patient", "patient-missing"]


def test_no_gap_names_the_patient() -> None:
    _, gaps = map_call(patient=without(PATIENT, "birthDate", "gender"))
    assert {gap.where for gap in gaps} == {"Patient"}


def test_a_decision_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        HookResources(
            patient_id="p1",
            encounter_id=None,
            decided_at=datetime(2026, 1, 1),
            prefetched={},
            draft_orders=(),
        )
