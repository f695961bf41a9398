import json
from datetime import date
from typing import Any

import pytest

from fhir_mappings.concepts import ICD9, ICD10, SNOMED, ConceptTable
from fhir_mappings.record import Diagnosis
from medication_safety.condition_groups import FILE, ConditionGroups
from medication_safety.reading import KnowledgeError, shipped
from tests.medication_safety.charts import chart

GROUPS = ConditionGroups.load()
RAW = json.loads(shipped(FILE))["groups"]
CONCEPTS = {one.label: one for one in ConceptTable.load("conditions").concepts}


def problem(
    label: str = "?", code: str | None = None, system: str = ICD10, **more: Any
) -> Diagnosis:
    codings = ((system, code),) if code else ()
    return Diagnosis(label=label, display=label, codings=codings, **more)


@pytest.mark.parametrize(
    ("code", "system", "group"),
    [
        ("I50.22", ICD10, "heart_failure"),
        ("I50.22", ICD10, "heart_failure_reduced_ef"),
        ("i5022", "http://hl7.org/fhir/sid/icd-10", "heart_failure"),
        ("428.0", ICD9, "heart_failure"),
        ("88805009", SNOMED, "heart_failure"),
        ("88805009", "urn:oid:2.16.840.1.113883.6.96", "heart_failure"),
        ("N18.4", ICD10, "ckd_4_5"),
        ("C50.911", ICD10, "cancer"),
        ("E888", ICD9, "falls"),
        ("Z51.5", ICD10, "palliative"),
        ("K22.70", ICD10, "barrett_oesophagitis"),
    ],
)
def test_a_code_leads_to_its_group(code: str, system: str, group: str) -> None:
    assert group in GROUPS.groups_of(chart(diagnoses=(problem(code=code, system=system),)))


@pytest.mark.parametrize(
    ("code", "system", "group"),
    [
        ("I50.32", ICD10, "heart_failure_reduced_ef"),
        ("N18.3", ICD10, "ckd_4_5"),
        ("8880500", SNOMED, "heart_failure"),
        ("I50.22", "http://loinc.org", "heart_failure"),
        ("428.0", ICD10, "heart_failure"),
    ],
)
def test_a_neighbouring_code_or_another_system_does_not(code: str, system: str, group: str) -> None:
    assert group not in GROUPS.groups_of(chart(diagnoses=(problem(code=code, system=system),)))


@pytest.mark.parametrize(
    ("label", "group"),
    [
        ("Dementia", "dementia"),
        ("heart failure", "heart_failure"),
        ("Hospice care", "palliative"),
        ("Barrett's esophagus", "barrett_oesophagitis"),
        ("Polymyalgia rheumatica", "steroid_disease"),
    ],
)
def test_a_diagnosis_without_a_code_is_found_by_its_name(label: str, group: str) -> None:
    assert group in GROUPS.groups_of(chart(diagnoses=(problem(label),)))


@pytest.mark.parametrize("group", RAW)
def test_the_labels_of_a_group_are_ours_and_share_a_code_with_it(group: str) -> None:
    for label in RAW[group]["labels"]:
        concept = CONCEPTS[label]
        by_prefix = [
            code.startswith(prefix)
            for column in ("icd10", "icd9")
            for code in getattr(concept, column)
            for prefix in RAW[group][column]
        ]
        assert any(by_prefix), (group, label)


def test_one_diagnosis_may_belong_to_several_groups() -> None:
    found = GROUPS.groups_of(chart(diagnoses=(problem("COPD"),)))

    assert {"copd", "cough_cause"} <= set(found)


def test_past_diagnoses_count_only_where_they_are_asked_for() -> None:
    record = chart(past_diagnoses=(problem("Epilepsy"),))

    assert "seizure" not in GROUPS.groups_of(record)
    assert "seizure" in GROUPS.ever_groups_of(record)


def test_the_diagnosis_that_was_recorded_first_stands_for_the_group() -> None:
    late = problem("Epilepsy", dated=date(2024, 1, 1))
    early = problem("Seizure", dated=date(2020, 1, 1))

    assert GROUPS.groups_of(chart(diagnoses=(late, early)))["seizure"] is early


@pytest.mark.parametrize("raw", [shipped(FILE)[:5000], b"{}", b'{"status": "draft", "groups": {}}'])
def test_a_table_that_is_half_read_is_refused(raw: bytes) -> None:
    with pytest.raises(KnowledgeError, match=FILE):
        ConditionGroups.from_bytes(raw)


def test_a_table_with_an_unknown_column_is_refused() -> None:
    tables = json.loads(shipped(FILE))
    tables["groups"]["gout"]["icd11"] = []

    with pytest.raises(KnowledgeError, match=r"gout\.icd11"):
        ConditionGroups.from_bytes(json.dumps(tables).encode())
