import json
from dataclasses import replace

import pytest

from fhir_mappings.concepts import ICD10
from fhir_mappings.record import Diagnosis, Medication, PatientRecord
from medication_safety.condition_groups import ConditionGroups
from medication_safety.findings import Finding
from medication_safety.older_adults import FILE, OlderAdultTable, findings, strength_mg
from medication_safety.reading import KnowledgeError, shipped
from medication_safety.wording import as_proposed
from tests.medication_safety.charts import FORMULARY, chart, ingredient, order, taken

TABLE = OlderAdultTable.load()
CODES = {"HFrEF": "I5022", "Narrow angle": "H40211", "Palliative care": "Z515"}


def old(*labels: str, age: int | None = 78) -> PatientRecord:
    return chart(age=age, diagnoses=tuple(map(problem, labels)))


def problem(label: str) -> Diagnosis:
    codings = ((ICD10, CODES[label]),) if label in CODES else ()
    return Diagnosis(label=label, display=label, codings=codings, reference=f"Condition/{label}")


def judged(
    record: PatientRecord, medication: Medication, *others: Medication
) -> tuple[Finding, ...]:
    return findings(record, medication, others, TABLE)


def said(record: PatientRecord, medication: Medication, *others: Medication) -> list[str]:
    return [one.severity for one in judged(record, medication, *others)]


WARNED = [
    ("Ibuprofen", "Heart failure"),
    ("Celecoxib", "Chronic kidney disease stage 4"),
    ("Naproxen", "Peptic ulcer disease"),
    ("Acetylsalicylic acid", "Gastrointestinal bleeding"),
    ("Pioglitazone", "Heart failure"),
    ("Cilostazol", "Heart failure"),
    ("Diltiazem", "HFrEF"),
    ("Lorazepam", "Dementia"),
    ("Lorazepam", "Delirium"),
    ("Zolpidem", "Falls"),
    ("Diphenhydramine", "Dementia"),
    ("Oxybutynin", "Benign prostatic hyperplasia"),
    ("Oxybutynin", "Narrow angle"),
    ("Amitriptyline", "Syncope"),
    ("Quetiapine", "Dementia"),
    ("Haloperidol", "Hip fracture"),
    ("Metoclopramide", "Parkinson disease"),
    ("Haloperidol", "Parkinson disease"),
    ("Donepezil", "Syncope"),
    ("Doxazosin", "Syncope"),
    ("Hydrochlorothiazide", "Gout"),
    ("Hydrochlorothiazide", "Hyponatremia"),
    ("Propranolol", "Asthma"),
    ("Nitrofurantoin", "End stage renal disease"),
    ("Metformin", "Chronic kidney disease stage 4"),
    ("Theophylline", "COPD"),
]


@pytest.mark.parametrize(("label", "condition"), WARNED)
def test_a_recorded_condition_makes_it_a_warning(label: str, condition: str) -> None:
    (finding,) = judged(old(condition), order(label))

    assert (finding.rule, finding.severity) == ("older-adult", "warning")
    assert [fact.text for fact in finding.because] == ["age 78", condition]
    assert finding.because[1].reference == f"Condition/{condition}"
    assert finding.summary.startswith("Consider ")
    assert len(finding.summary) < 110
    assert f"({TABLE.version}, not reviewed): " in finding.source
    assert len(finding.source) <= 120


@pytest.mark.parametrize(("label", "condition"), WARNED)
def test_without_the_condition_it_is_an_info_or_nothing(label: str, condition: str) -> None:
    assert said(old(), order(label)) in ([], ["info"])


@pytest.mark.parametrize("age", [64, None])
@pytest.mark.parametrize(("label", "condition"), WARNED)
def test_below_65_or_without_an_age_nothing_is_said(
    label: str, condition: str, age: int | None
) -> None:
    assert said(old(condition, age=age), order(label)) == []


def test_it_begins_on_the_65th_birthday() -> None:
    assert said(old("Dementia", age=65), order("Lorazepam")) == ["warning"]


@pytest.mark.parametrize(
    "label",
    [
        "Diphenhydramine",
        "Lorazepam",
        "Zolpidem",
        "Amitriptyline",
        "Quetiapine",
        "Phenobarbital",
        "Dicyclomine",
        "Cyclobenzaprine",
        "Benztropine",
        "Metoclopramide",
        "Meperidine",
        "Indomethacin",
        "Glyburide",
        "Megestrol",
    ],
)
def test_age_and_drug_alone_are_an_info(label: str) -> None:
    assert said(old(), order(label)) == ["info"]


@pytest.mark.parametrize(
    ("label", "condition"),
    [
        ("Lorazepam", "Epilepsy"),
        ("Lorazepam", "Alcohol withdrawal"),
        ("Phenobarbital", "Epilepsy"),
        ("Quetiapine", "Schizophrenia"),
        ("Metoclopramide", "Gastroparesis"),
        ("Megestrol", "Breast cancer"),
        ("Diphenhydramine", "Anaphylaxis"),
    ],
)
def test_a_condition_that_needs_it_silences_the_rule(label: str, condition: str) -> None:
    assert said(old(condition), order(label)) == []


def test_what_excuses_may_be_past_and_what_warns_may_not() -> None:
    past = replace(old("Dementia"), past_diagnoses=(problem("Epilepsy"),))
    over = chart(age=78, past_diagnoses=(problem("Delirium"),))

    assert said(past, order("Lorazepam")) == []
    assert said(over, order("Lorazepam")) == ["info"]


def test_nothing_is_said_in_palliative_care() -> None:
    assert said(old("Dementia", "Palliative care"), order("Lorazepam")) == []


@pytest.mark.parametrize(
    ("label", "display", "condition", "expected"),
    [
        ("Diphenhydramine", "Diphenhydramine 2 % Topical Cream", "Dementia", []),
        ("Diphenhydramine", "Diphenhydramine 25 MG Oral Tablet", "Dementia", ["warning"]),
        ("Timolol", "Timolol 0.5 % Ophthalmic Solution", "Asthma", ["warning"]),
        ("Levobunolol", "Levobunolol 0.5% eye drops", "Asthma", ["warning"]),
        ("Timolol", "Timolol 10 MG Oral Tablet", "Asthma", ["warning"]),
        ("Diazepam", "Diazepam 10 MG Rectal Gel", "Dementia", []),
        ("Prochlorperazine", "Prochlorperazine 25 MG Rectal Suppository", "Parkinson disease", []),
        ("Midazolam", "Midazolam 1 MG/ML Injection", "Dementia", []),
    ],
)
def test_the_form_matters(label: str, display: str, condition: str, expected: list[str]) -> None:
    assert said(old(condition), order(label, display)) == expected


@pytest.mark.parametrize(
    ("label", "display", "expected"),
    [
        ("Digoxin", "Digoxin 0.25 MG Oral Tablet", ["info"]),
        ("Digoxin", "Digoxin 250 MCG Oral Tablet", ["info"]),
        ("Digoxin", "Digoxin 0.125 MG Oral Tablet", []),
        ("Digoxin", "Digoxin 125 MCG Oral Tablet", []),
        ("Digoxin", "Digoxin", []),
        ("Doxepin", "Doxepin 6 MG Oral Tablet", []),
        ("Doxepin", "Doxepin 25 MG Oral Capsule", ["info"]),
        ("Nifedipine", "Nifedipine 10 MG Oral Capsule", ["info"]),
        ("Nifedipine", "24 HR Nifedipine 30 MG Extended Release Oral Tablet", []),
        ("Nifedipine", "Nifedipine 20mg modified-release tablets", []),
        ("Nifedipine", "Adalat Retard 20mg tablets", []),
        ("Nifedipine", "Nifedipine", []),
    ],
)
def test_a_dose_or_form_that_is_not_shown_is_not_guessed(
    label: str, display: str, expected: list[str]
) -> None:
    assert said(old(), order(label, display)) == expected


def test_a_concentration_is_no_strength() -> None:
    assert strength_mg("Digoxin 0.25 MG/ML Injectable Solution") is None
    assert strength_mg("Amlodipine 5 MG / Benazepril 20 MG Oral Capsule") == 20


def test_an_ejection_fraction_that_is_not_on_record_is_not_guessed() -> None:
    assert said(old("Heart failure"), order("Diltiazem")) == []


@pytest.mark.parametrize("label", ["Warfarin", "Rivaroxaban"])
def test_an_anticoagulant_is_only_judged_where_it_is_new(label: str) -> None:
    record = old("Atrial fibrillation")

    assert said(record, order(label)) == ["info"]
    assert said(record, as_proposed(ingredient(label))) == ["info"]
    assert said(record, taken(label)) == []
    assert said(record, order(label), taken(label)) == []
    assert said(record, order(label), taken("Apixaban")) == []
    assert said(old(), order(label)) == []


def test_stomach_protection_answers_the_ulcer_rule() -> None:
    record = old("Peptic ulcer disease")

    assert said(record, order("Naproxen"), taken("Omeprazole")) == []
    assert said(record, order("Naproxen"), taken("Famotidine")) == ["warning"]


def test_an_inhaler_answers_the_theophylline_rule() -> None:
    assert said(old("COPD"), order("Theophylline"), taken("Tiotropium")) == []


def test_one_family_speaks_once_and_names_all_its_conditions() -> None:
    (finding,) = judged(old("Dementia", "Delirium", "Falls"), order("Lorazepam"))

    assert {fact.text for fact in finding.because} == {"age 78", "Dementia", "Delirium", "Falls"}


def test_an_info_of_another_family_is_not_said_beside_a_warning() -> None:
    (finding,) = judged(old("Parkinson disease"), order("Promethazine"))

    assert (finding.severity, "Parkinson" in finding.summary) == ("warning", True)


def test_what_most_depression_needs_is_an_info_after_falls() -> None:
    assert said(old("Falls"), order("Sertraline")) == ["info"]
    assert said(old(), order("Sertraline")) == []


def test_an_opioid_for_a_fresh_fracture_is_not_objected_to() -> None:
    assert said(old("Hip fracture"), order("Oxycodone")) == []
    assert said(old("Falls"), order("Oxycodone")) == ["info"]


def test_three_drugs_that_sedate_are_one_info() -> None:
    two = (taken("Sertraline"), taken("Gabapentin"))

    (finding,) = judged(old(), order("Oxycodone"), *two)

    assert finding.severity == "info"
    assert "3 sedating drugs" in finding.summary
    assert [fact.text for fact in finding.because[1:]] == ["Oxycodone", "Sertraline", "Gabapentin"]
    assert said(old(), order("Oxycodone"), two[0]) == []
    assert said(replace(old(), setting="icu"), order("Oxycodone"), *two) == []
    assert said(old(), order("Lisinopril"), *two, taken("Oxycodone")) == []


def test_the_same_drug_twice_and_local_forms_do_not_add_up() -> None:
    others = (taken("Oxycodone", reference="MedicationRequest/2"), taken("Sertraline"))

    assert said(old(), order("Oxycodone"), *others) == []


def test_two_strong_anticholinergics_are_one_info_more() -> None:
    assert said(old(), order("Oxybutynin"), taken("Amitriptyline")) == ["info"]
    assert said(old(), order("Oxybutynin"), taken("Sertraline")) == []


def test_every_summary_fits_with_the_longest_name() -> None:
    long = "acetaminophen 325 MG / hydrocodone bitartrate 10 MG Oral Tablet [Norco]"

    for rule in TABLE.file.rules:
        code = min(TABLE.codes(rule.drugs))
        entry = next((e for e in FORMULARY.entries if e.rxcui == code), FORMULARY.entries[0])
        for finding in judged(old("Dementia", "Falls"), order(entry.label, long)):
            assert len(finding.summary) < 110


def test_every_ingredient_is_in_the_formulary() -> None:
    codes = {code for members in TABLE.drugs.values() for code in members}
    missing = codes - {entry.rxcui for entry in FORMULARY.entries}

    assert missing <= {"588003", "257844"}, "meclofenamate and mefenamate may be missing"


@pytest.mark.parametrize("cut", [100, 20000])
def test_a_table_that_is_half_read_is_refused(cut: int) -> None:
    with pytest.raises(KnowledgeError, match=FILE):
        OlderAdultTable.from_bytes(shipped(FILE)[:cut], ConditionGroups.load())


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        ("drugs", ["nsaid"], "no table has: nsaid"),
        ("conditions", ["heart_faliure"], "no table has: heart_faliure"),
        ("conditions", [], "names no condition"),
        ("why", "x" * 41, "why"),
        ("levle", "info", "levle"),
    ],
)
def test_a_rule_that_is_wrong_is_refused(key: str, value: object, complaint: str) -> None:
    table = json.loads(shipped(FILE))
    next(one for one in table["rules"] if one["level"] == "warning")[key] = value

    with pytest.raises(KnowledgeError, match=complaint):
        OlderAdultTable.from_bytes(json.dumps(table).encode(), ConditionGroups.load())
