import json
from datetime import date, timedelta

import pytest

from fhir_mappings.concepts import ICD10
from fhir_mappings.record import Diagnosis, Medication, PatientRecord
from medication_safety.condition_groups import ConditionGroups
from medication_safety.courses import FILE, CourseTable, findings
from medication_safety.reading import KnowledgeError, shipped
from tests.medication_safety.charts import EMPTY, FORMULARY, chart, order, taken

TABLE = CourseTable.load()
TODAY = EMPTY.decided_at.date()
CODES = {"Barrett": "K2270", "Palliative care": "Z515", "Acne": "L700", "Bronchiectasis": "J479"}


def since(days: int) -> date:
    return TODAY - timedelta(days=days)


def of(*labels: str, age: int | None = 50) -> PatientRecord:
    return chart(age=age, diagnoses=tuple(map(problem, labels)))


def problem(label: str) -> Diagnosis:
    codings = ((ICD10, CODES[label]),) if label in CODES else ()
    return Diagnosis(label=label, display=label, codings=codings)


def said(
    medication: Medication, *others: Medication, record: PatientRecord | None = None
) -> list[str]:
    return [one.severity for one in findings(record or of(), medication, others, TABLE)]


# medication, usual days, what is said, a condition that needs it longer
COURSES = [
    ("Omeprazole", 56, "info", "Barrett"),
    ("Ibuprofen", 30, "info", "Rheumatoid arthritis"),
    ("Ketorolac", 5, "warning", "Palliative care"),
    ("Cephalexin", 21, "info", "Osteomyelitis"),
    ("Doxycycline", 21, "info", "Acne"),
    ("Azithromycin", 21, "info", "COPD"),
    ("Nitrofurantoin", 21, "info", "Urinary tract infection"),
    ("Sulfamethoxazole", 21, "info", "HIV infection"),
    ("Phenoxymethylpenicillin", 21, "info", "Endocarditis"),
    ("Prednisone", 28, "info", "Lupus"),
    ("Lorazepam", 28, "info", "Epilepsy"),
    ("Zolpidem", 28, "info", "Palliative care"),
    ("Oxycodone", 90, "info", "Metastatic cancer"),
    ("Methadone", 90, "info", "Opioid use disorder"),
]


@pytest.mark.parametrize(("label", "days", "severity", "reason"), COURSES)
def test_beyond_the_usual_course_and_not_a_day_before(
    label: str, days: int, severity: str, reason: str
) -> None:
    assert said(taken(label, started=since(days + 1))) == [severity]
    assert said(taken(label, started=since(days))) == []


@pytest.mark.parametrize(("label", "days", "severity", "reason"), COURSES)
def test_a_condition_that_needs_it_longer_silences_it(
    label: str, days: int, severity: str, reason: str
) -> None:
    for condition in (reason, "Palliative care"):
        assert said(taken(label, started=since(400)), record=of(condition)) == []


def test_the_finding_says_since_when_and_what_is_usual() -> None:
    current = taken("Omeprazole", started=since(140))

    (finding,) = findings(of(age=70), order("Omeprazole"), (current,), TABLE)

    assert finding.rule == "usual-course"
    assert (
        finding.summary == "Consider reviewing Omeprazole: on record for 140 days; usual: 8 weeks"
    )
    assert (finding.because[0].reference, finding.because[0].dated) == (
        current.reference,
        since(140),
    )
    assert f"({TABLE.version}, not reviewed): " in finding.source
    assert len(finding.source) <= 120


def test_without_a_start_date_nothing_is_said() -> None:
    assert said(taken("Omeprazole")) == []
    assert said(order("Omeprazole"), taken("Omeprazole")) == []


def test_an_order_that_renews_nothing_has_lasted_no_time() -> None:
    assert said(order("Lorazepam", started=since(400))) == []
    assert said(order("Lorazepam"), taken("Alprazolam", started=since(400))) == []


@pytest.mark.parametrize(("ended", "expected"), [(-1, []), (0, ["info"]), (30, ["info"])])
def test_what_has_ended_is_not_continued(ended: int, expected: list[str]) -> None:
    earlier = taken("Lorazepam", started=since(400), ended=TODAY + timedelta(days=ended))

    assert said(order("Lorazepam"), earlier) == expected


@pytest.mark.parametrize(
    ("beside", "expected"),
    [
        ("Ibuprofen", []),
        ("Acetylsalicylic acid", []),
        ("Apixaban", []),
        ("Prednisone", []),
        ("Lisinopril", ["info"]),
    ],
)
def test_what_harms_the_stomach_is_reason_for_a_ppi(beside: str, expected: list[str]) -> None:
    assert said(taken("Omeprazole", started=since(200)), taken(beside)) == expected


@pytest.mark.parametrize(
    ("label", "display", "expected"),
    [
        ("Diclofenac", "Diclofenac 1 % Topical Gel", []),
        ("Diclofenac", "Diclofenac 50 MG Oral Tablet", ["info"]),
        ("Hydrocortisone", "Hydrocortisone 1 % Topical Cream", []),
        ("Hydrocortisone", "Hydrocortisone 100 MG Injection", []),
        ("Hydrocortisone", "Hydrocortisone 10 MG Oral Tablet", ["info"]),
        ("Metronidazole", "Metronidazole 0.75 % Vaginal Gel", []),
        ("Diazepam", "Diazepam 10 MG Rectal Gel", []),
    ],
)
def test_the_form_matters(label: str, display: str, expected: list[str]) -> None:
    assert said(taken(label, display, started=since(200))) == expected


@pytest.mark.parametrize("label", ["Rifaximin", "Isoniazid", "Rifampin", "Ethambutol"])
def test_what_is_taken_for_long_on_purpose_has_no_usual_course(label: str) -> None:
    assert said(taken(label, started=since(400))) == []


@pytest.mark.parametrize(
    ("label", "condition", "expected"),
    [
        ("Azithromycin", "Acne", ["info"]),
        ("Doxycycline", "COPD", ["info"]),
        ("Cephalexin", "Urinary tract infection", ["info"]),
        ("Oxycodone", "Opioid use disorder", ["info"]),
        ("Prednisone", "COPD", ["info"]),
        ("Omeprazole", "Gastroesophageal reflux disease", ["info"]),
        ("Azithromycin", "Bronchiectasis", []),
    ],
)
def test_a_reason_is_one_for_its_own_medications(
    label: str, condition: str, expected: list[str]
) -> None:
    assert said(taken(label, started=since(400)), record=of(condition)) == expected


def test_the_longest_summary_fits() -> None:
    long = taken("Oxycodone", "x" * 80, started=date(2001, 1, 1))

    (finding,) = findings(of(), long, (), TABLE)

    assert len(finding.summary) < 110


def test_every_ingredient_is_in_the_formulary() -> None:
    codes = {code for members in TABLE.drugs.values() for code in members}

    assert codes - {entry.rxcui for entry in FORMULARY.entries} <= {"588003", "257844"}


def test_a_table_that_is_half_read_is_refused() -> None:
    with pytest.raises(KnowledgeError, match=FILE):
        CourseTable.from_bytes(shipped(FILE)[:5000], ConditionGroups.load())


@pytest.mark.parametrize("key", ["drugs", "without", "without_drugs"])
def test_a_group_that_is_not_there_is_refused(key: str) -> None:
    table = json.loads(shipped(FILE))
    table["courses"][0][key] = ["nobody"]

    with pytest.raises(KnowledgeError, match="no table has: nobody"):
        CourseTable.from_bytes(json.dumps(table).encode(), ConditionGroups.load())
