import json
from datetime import date

import pytest

from fhir_mappings.record import Diagnosis, Medication, PatientRecord
from medication_safety.cascades import FILE, CascadeTable, findings
from medication_safety.condition_groups import ConditionGroups
from medication_safety.reading import KnowledgeError, shipped
from tests.medication_safety.charts import FORMULARY, chart, order, taken

TABLE = CascadeTable.load()
BEFORE, AFTER = date(2025, 1, 1), date(2025, 6, 1)


def problem(label: str, dated: date | None = None) -> Diagnosis:
    return Diagnosis(label=label, display=label, dated=dated)


def said(second: Medication, *others: Medication, record: PatientRecord | None = None) -> list[str]:
    return [one.severity for one in findings(record or chart(), second, others, TABLE)]


# first, second, what is said, a condition that is reason enough
CASCADES = [
    ("Amlodipine", "Furosemide", "info", "Heart failure"),
    ("Ibuprofen", "Lisinopril", "info", "Coronary artery disease"),
    ("Donepezil", "Oxybutynin", "info", "Overactive bladder"),
    ("Metoclopramide", "Levodopa", "info", "Parkinson disease"),
    ("Haloperidol", "Levodopa", "info", "Parkinson disease"),
    ("Haloperidol", "Benztropine", "info", "Parkinson disease"),
    ("Hydrochlorothiazide", "Allopurinol", "info", "Gout"),
    ("Lisinopril", "Benzonatate", "info", "Acute bronchitis"),
    ("Sertraline", "Zolpidem", "info", "Insomnia"),
    ("Gabapentin", "Furosemide", "info", "Chronic kidney disease stage 3"),
    ("Oxybutynin", "Donepezil", "info", "Dementia"),
    ("Lorazepam", "Memantine", "info", "Dementia"),
    ("Furosemide", "Oxybutynin", "info", "Overactive bladder"),
    ("Doxazosin", "Meclizine", "info", "vertigo"),
    ("Lithium", "Propranolol", "info", "Hypertension"),
    ("Prednisone", "Metformin", "info", "Type 2 diabetes mellitus"),
    ("Amiodarone", "Levothyroxine", "info", "Hypothyroidism"),
]


@pytest.mark.parametrize(("first", "second", "severity", "reason"), CASCADES)
def test_an_order_that_treats_an_effect_is_found(
    first: str, second: str, severity: str, reason: str
) -> None:
    cause = taken(first, started=BEFORE)

    (finding,) = findings(chart(), order(second), (cause,), TABLE)

    assert (finding.rule, finding.severity) == ("cascade", severity)
    assert finding.because[0].reference == cause.reference
    assert finding.because[0].dated == BEFORE
    assert finding.summary.startswith("Consider whether ")
    assert len(finding.summary) < 110
    assert f"({TABLE.version}, not reviewed): " in finding.source
    assert len(finding.source) <= 120


@pytest.mark.parametrize(("first", "second", "severity", "reason"), CASCADES)
def test_another_reason_on_record_makes_it_none(
    first: str, second: str, severity: str, reason: str
) -> None:
    record = chart(diagnoses=(problem(reason),))

    assert said(order(second), taken(first, started=BEFORE), record=record) == []


def test_there_are_fifteen() -> None:
    assert len(TABLE.cascades) == 15


def test_a_past_reason_is_one_too() -> None:
    record = chart(past_diagnoses=(problem("Heart failure"),))

    assert said(order("Furosemide"), taken("Amlodipine"), record=record) == []


@pytest.mark.parametrize(
    ("dated", "expected"), [(date(2024, 1, 1), []), (date(2025, 3, 1), ["info"]), (None, [])]
)
def test_a_symptom_first_recorded_after_the_cause_is_no_other_reason(
    dated: date | None, expected: list[str]
) -> None:
    record = chart(diagnoses=(problem("Gout", dated),))
    cause = taken("Hydrochlorothiazide", started=BEFORE)

    assert said(order("Allopurinol"), cause, record=record) == expected


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (BEFORE, AFTER, ["info"]),
        (BEFORE, BEFORE, ["info"]),
        (AFTER, BEFORE, []),
        (None, AFTER, []),
        (BEFORE, None, []),
    ],
)
def test_of_two_that_are_taken_the_dates_must_allow_it(
    first: date | None, second: date | None, expected: list[str]
) -> None:
    assert said(taken("Furosemide", started=second), taken("Amlodipine", started=first)) == expected


@pytest.mark.parametrize(("held", "expected"), [(BEFORE, []), (date(2025, 9, 1), ["info"])])
def test_a_renewed_order_counts_from_when_it_was_first_taken(
    held: date, expected: list[str]
) -> None:
    cause = taken("Amlodipine", started=AFTER)
    earlier = taken("Furosemide", started=held)

    assert said(order("Furosemide"), cause, earlier) == expected


def test_a_cause_without_a_date_was_still_there_before_a_new_order() -> None:
    assert said(order("Furosemide"), taken("Amlodipine")) == ["info"]


def test_two_that_are_ordered_together_are_none() -> None:
    assert said(order("Furosemide"), order("Amlodipine")) == []


def test_the_cause_is_not_judged_only_the_treatment() -> None:
    assert said(order("Amlodipine"), taken("Furosemide", started=BEFORE)) == []


def test_what_acts_where_it_is_put_causes_and_treats_nothing() -> None:
    gel = taken("Ibuprofen", "Ibuprofen 5 % Topical Gel")
    drops = order("Timolol", "Timolol 0.5 % Ophthalmic Solution")

    assert said(order("Lisinopril"), gel) == []
    assert said(drops, taken("Ibuprofen")) == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Oxycodone", "Senna"),
        ("Furosemide", "Potassium chloride"),
        ("Ibuprofen", "Omeprazole"),
        ("Metoprolol", "Sertraline"),
        ("Quetiapine", "Levodopa"),
    ],
)
def test_what_is_given_on_purpose_is_none(first: str, second: str) -> None:
    assert said(order(second), taken(first, started=BEFORE)) == []


def test_one_of_several_speaks() -> None:
    causes = (taken("Gabapentin"), taken("Amlodipine"))

    (finding,) = findings(chart(), order("Furosemide"), causes, TABLE)

    assert (finding.severity, [one.reference for one in finding.because]) == (
        "info",
        ["MedicationRequest/taken-amlodipine"],
    )


def test_every_ingredient_is_in_the_formulary() -> None:
    codes = {code for members in TABLE.drugs.values() for code in members}

    assert codes - {entry.rxcui for entry in FORMULARY.entries} <= {"588003", "257844"}


def test_a_table_that_is_half_read_is_refused() -> None:
    with pytest.raises(KnowledgeError, match=FILE):
        CascadeTable.from_bytes(shipped(FILE)[:9000], ConditionGroups.load())


@pytest.mark.parametrize("key", ["first", "second", "reasons", "earlier_reasons"])
def test_a_group_that_is_not_there_is_refused(key: str) -> None:
    table = json.loads(shipped(FILE))
    table["cascades"][0][key] = ["nobody"]

    with pytest.raises(KnowledgeError, match="no table has: nobody"):
        CascadeTable.from_bytes(json.dumps(table).encode(), ConditionGroups.load())
