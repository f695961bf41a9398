import pytest

from tests.fhir_mappings.calls import SNOMED, condition, kinds, labels, map_call, state


def test_active_and_past_diagnoses_are_told_apart() -> None:
    record, _ = map_call(
        condition("Hypertension", id="1", clinicalStatus=state("active")),
        condition("Sprain of knee", id="2", clinicalStatus=state("resolved")),
        condition("Odd lesion", id="3", clinicalStatus=state("remission")),
    )
    assert labels(record.diagnoses) == ["Hypertension"]
    assert [one.display for one in record.past_diagnoses] == ["Sprain of knee", "Odd lesion"]


@pytest.mark.parametrize("word", ["refuted", "entered-in-error"])
def test_a_condition_that_does_not_hold_is_told_and_left_out(word: str) -> None:
    record, gaps = map_call(condition("Hypertension", verificationStatus=state(word)))
    assert record.diagnoses == record.past_diagnoses == ()
    assert [(g.kind, g.where, g.shown) for g in gaps] == [
        (f"condition-{word}", "Condition/c1", False)
    ]


@pytest.mark.parametrize(
    ("abatement", "is_active"),
    [
        ({}, True),
        ({"abatementDateTime": "2020"}, False),
        ({"abatementDateTime": "2030-01-01"}, True),
        ({"abatementString": "as a child"}, False),
        ({"abatementPeriod": {"end": "2021-05"}}, False),
    ],
)
def test_without_a_clinical_status_only_a_past_end_makes_it_past(
    abatement: dict[str, object], is_active: bool
) -> None:
    record, _ = map_call(condition("Hypertension", **abatement))
    assert labels(record.diagnoses if is_active else record.past_diagnoses) == ["Hypertension"]


def test_a_label_appears_once_and_not_as_past_while_active() -> None:
    over = state("resolved")
    record, _ = map_call(
        condition("Hypertension", id="1"),
        condition("hypertension", id="2"),
        condition("Hypertension", id="3", clinicalStatus=over),
    )
    assert [one.reference for one in record.diagnoses] == ["Condition/1"]
    assert record.past_diagnoses == ()


def test_a_code_gives_the_concise_title_and_the_words_stay() -> None:
    code = {"coding": [{"system": SNOMED, "code": "38341003", "display": "High pressure"}]}
    record, _ = map_call(condition("", code=code))
    assert labels(record.diagnoses) == ["Hypertension"]
    assert record.diagnoses[0].display == "High pressure"
    assert record.diagnoses[0].codings == ((SNOMED, "38341003"),)


def test_an_unknown_name_is_cleaned_for_the_prompt() -> None:
    text = "Crohn's \u202e odd\n  thing" + " x" * 60 + " (disorder)"
    record, _ = map_call(condition(text), condition("Odd gait (finding)", id="c2"))
    label = record.diagnoses[0].label
    assert label.startswith("Crohn's odd thing x x")
    assert len(label) <= 80
    assert record.diagnoses[1].label == "Odd gait"


def test_a_code_that_is_unknown_and_has_no_words_is_a_gap() -> None:
    code = {"coding": [{"system": "urn:oid:1.2.3", "code": "X9"}]}
    record, gaps = map_call(condition("", code=code))
    assert labels(record.diagnoses) == ["X9"]
    assert [(gap.kind, gap.shown) for gap in gaps] == [("diagnosis-code-unknown", False)]


def test_the_german_icd10_is_read_as_icd10() -> None:
    system = "http://fhir.de/CodeSystem/bfarm/icd-10-gm"
    code = {"coding": [{"system": system, "code": "I50.01"}]}
    record, gaps = map_call(condition("", code=code))
    assert labels(record.diagnoses) == ["Heart failure"]
    assert gaps == ()


def test_a_condition_without_any_name_is_a_gap() -> None:
    record, gaps = map_call(condition("", code={"coding": [{"system": SNOMED}]}))
    assert record.diagnoses == ()
    assert kinds(gaps) == ["diagnosis-without-name"]


def test_elements_of_the_wrong_type_are_named_and_the_rest_is_used() -> None:
    wrong = {"clinicalStatus": 7, "code": [{"text": "Hypertension"}], "onsetDateTime": 7}
    record, gaps = map_call(condition("", **wrong))
    assert labels(record.diagnoses) == ["Hypertension"]
    assert {gap.where for gap in gaps} == {"Condition/c1"}
    assert {gap.meaning.split()[1] for gap in gaps} == {"clinicalStatus", "code", "onsetDateTime"}


def test_another_patients_condition_is_set_aside() -> None:
    record, gaps = map_call(condition("Hypertension", subject={"reference": "Patient/p2"}))
    assert record.diagnoses == ()
    assert [(gap.kind, gap.shown) for gap in gaps] == [("other-patient", False)]


@pytest.mark.parametrize(
    "reference", ["Patient/p1", "http://h/fhir/Patient/p1", "urn:uuid:p1", "Patient/p1/_history/2"]
)
def test_the_patient_is_known_however_he_is_referred_to(reference: str) -> None:
    record, gaps = map_call(condition("Hypertension", subject={"reference": reference}))
    assert labels(record.diagnoses) == ["Hypertension"]
    assert gaps == ()


def test_a_name_too_long_for_a_label_leaves_a_gap() -> None:
    name = f"{'very ' * 20}odd lesion"
    record, gaps = map_call(condition(name))
    assert record.diagnoses[0].display == name
    assert record.diagnoses[0].label == name[:80].rstrip()
    assert [(gap.kind, gap.where) for gap in gaps] == [("name-cut", "Condition/c1")]


def test_of_two_entries_of_a_label_the_latest_counts() -> None:
    record, _ = map_call(
        condition("Hypertension", id="old", recordedDate="1990-01-01"),
        condition("Gout", id="gout", recordedDate="2020-01-01"),
        condition("Hypertension", id="new", recordedDate="2025-11-01"),
    )
    assert [one.reference for one in record.diagnoses] == ["Condition/new", "Condition/gout"]
