import pytest

from tests.fhir_mappings.calls import (
    condition,
    encounter,
    ingredients,
    kinds,
    labels,
    map_call,
    procedure,
    request,
)

STAY = encounter("old", "IMP", "finished", "2025-03-01T10:00:00Z", "2025-03-05T09:00:00Z")
IN_STAY = {"encounter": {"reference": "Encounter/old"}}


@pytest.mark.parametrize(
    ("code", "setting"),
    [("IMP", "inpatient"), ("ACUTE", "inpatient"), ("NONAC", "inpatient"), ("AMB", "outpatient")],
)
def test_the_class_of_the_current_encounter_gives_the_setting(code: str, setting: str) -> None:
    record, _ = map_call(encounter("e1", code, "in-progress", "2026-11-20"))
    assert record.setting == setting


def test_the_encounter_of_the_call_goes_before_the_one_under_way() -> None:
    both = (encounter("e1", "IMP", "in-progress"), encounter("e2", "EMER", "finished"))
    record, _ = map_call(*both, encounter_id="e2")
    assert record.setting == "outpatient"


def test_no_encounter_means_no_setting_and_a_named_one_that_is_absent_is_a_gap() -> None:
    assert map_call()[0].setting is None
    record, gaps = map_call(encounter("e1", "IMP", "in-progress"), encounter_id="e9")
    assert (record.setting, kinds(gaps)) == (None, ["encounter-missing"])


@pytest.mark.parametrize(
    "place",
    [
        {"location": [{"location": {"display": "Bed 3, Medical ICU"}}]},
        {"type": [{"text": "Intensive care visit"}]},
        {"serviceType": {"coding": [{"display": "Critical Care Medicine"}]}},
    ],
)
def test_an_inpatient_in_intensive_care_is_told_apart(place: dict[str, object]) -> None:
    record, _ = map_call(encounter("e1", "IMP", "in-progress", "2026-11-20", **place))
    assert record.setting == "icu"


def test_the_class_may_be_a_word_as_in_older_versions() -> None:
    record, gaps = map_call(encounter("e1", "", "in-progress") | {"class": "inpatient"})
    assert record.setting == "inpatient"
    assert gaps == ()


def test_the_previous_hospitalization_has_its_own_age_and_lists() -> None:
    record, gaps = map_call(
        STAY,
        encounter("older", "IMP", "finished", "2020-01-01", "2020-01-04"),
        encounter("visit", "AMB", "finished", "2026-01-01", "2026-01-01"),
        condition("Pneumonia", id="1", clinicalStatus={"text": "resolved"}, **IN_STAY),
        condition("Hypertension", id="2", recordedDate="2025-03-02"),
        condition("Asthma", id="3", recordedDate="2024-03-02"),
        procedure("Bronchoscopy", "2025-03-02"),
        request("Furosemide 40 MG Oral Tablet", status="completed", **IN_STAY),
        request("Furosemide 20 MG", id="m2", status="stopped", authoredOn="2025-03-02"),
        request("Warfarin", id="m3", status="cancelled", **IN_STAY),
        request("Lisinopril", id="m4", status="completed", authoredOn="2024-03-02"),
    )
    previous = record.previous
    assert previous is not None
    assert (previous.age, previous.sex, previous.reference) == (74, "female", "Encounter/old")
    assert labels(previous.diagnoses) == ["Pneumonia", "Hypertension"]
    assert labels(previous.procedures) == ["Bronchoscopy"]
    assert ingredients(previous.medications) == [["Furosemide"]]
    assert gaps == ()


def test_the_current_stay_is_not_its_own_previous_one() -> None:
    record, _ = map_call(STAY, encounter_id="old")
    assert record.previous is None


def test_a_diagnosis_that_the_encounter_lists_belongs_to_it() -> None:
    listed = {"diagnosis": [{"condition": {"reference": "Condition/c1"}}]}
    record, _ = map_call(STAY | listed, condition("Asthma", recordedDate="2011"))
    assert record.previous is not None
    assert labels(record.previous.diagnoses) == ["Asthma"]


def test_procedures_are_those_of_the_encounter_and_of_twelve_months_newest_first() -> None:
    record, _ = map_call(
        encounter("e1", "IMP", "in-progress", "2026-11-20"),
        procedure("Odd test A", "2025-11-21"),
        procedure("Odd test B", "2026-01-01"),
        procedure("Odd test C", "2026-11-21"),
        procedure("Odd test C", "2026-11-20"),
        procedure("Odd test D", None, encounter={"reference": "Encounter/e1"}),
        procedure("Odd test E", None),
        procedure("Odd test F", "2026-11-21", status="not-done"),
        procedure("Odd test G", "2026-11-21", status="entered-in-error"),
    )
    assert labels(record.procedures) == ["Odd test C", "Odd test B", "Odd test D"]
