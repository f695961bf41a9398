import csv
import json
import os
from pathlib import Path

import pytest

from fhir_mappings.concepts import ConceptTable, ConceptTableBroken

CONDITIONS = ConceptTable.load("conditions")
PROCEDURES = ConceptTable.load("procedures")
SNOMED = "http://snomed.info/sct"
ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"
ICD9 = "http://hl7.org/fhir/sid/icd-9-cm"


def label(table: ConceptTable, system: str | None, code: str | None, text: str = "") -> str | None:
    found = table.find([(system, code)], text)
    return found.label if found else None


@pytest.mark.parametrize(
    ("system", "code", "expected"),
    [
        (ICD10, "I50.23", "Acute heart failure exacerbation"),
        (ICD10, "I50.9", "Heart failure"),
        ("http://hl7.org/fhir/sid/icd-10", "i10", "Hypertension"),
        (ICD9, "427.31", "Atrial fibrillation"),
        ("urn:oid:2.16.840.1.113883.6.103", "25011", "Type 1 diabetes mellitus"),
        (SNOMED, "38341003", "Hypertension"),
        ("urn:oid:2.16.840.1.113883.6.96", "44054006", "Type 2 diabetes mellitus"),
        (None, "N18.4", "Chronic kidney disease stage 4"),
        (None, "493.90", "Asthma"),
        (None, "V58.9", None),
        (None, "195967001", "Asthma"),
    ],
)
def test_a_condition_is_found_by_any_system(
    system: str | None, code: str, expected: str | None
) -> None:
    assert label(CONDITIONS, system, code) == expected


@pytest.mark.parametrize(
    ("system", "code", "expected"),
    [
        (SNOMED, "232717009", "Coronary artery bypass graft"),
        ("http://www.ama-assn.org/go/cpt", "45378", "Colonoscopy"),
        (None, "5A1955Z", "Mechanical ventilation"),
        (ICD9, "39.95", "Hemodialysis"),
    ],
)
def test_a_procedure_is_found_by_any_system(system: str | None, code: str, expected: str) -> None:
    assert label(PROCEDURES, system, code) == expected


def test_a_snomed_code_matches_only_as_a_whole() -> None:
    assert label(CONDITIONS, SNOMED, "383410030") is None


def test_a_code_of_an_unknown_system_means_nothing() -> None:
    assert label(CONDITIONS, "urn:local", "I10") is None


def test_text_is_tried_when_no_code_is_known() -> None:
    assert label(CONDITIONS, "urn:local", "X", "Hypertension (disorder)") == "Hypertension"
    assert label(CONDITIONS, None, None, "  CHF ") == "Heart failure"
    assert CONDITIONS.find([], None) is None


def test_the_first_known_coding_wins() -> None:
    found = CONDITIONS.find([(SNOMED, "0"), (ICD10, "J18.9"), (SNOMED, "38341003")], None)
    assert found is not None
    assert found.label == "Pneumonia"


def test_every_row_is_found_by_its_own_codes_and_names() -> None:
    for concept in CONDITIONS.concepts:
        assert all(label(CONDITIONS, SNOMED, code) == concept.label for code in concept.snomed)
        assert all(label(CONDITIONS, ICD10, code) == concept.label for code in concept.icd10)
        assert all(label(CONDITIONS, None, None, n) == concept.label for n in concept.names)


def test_one_code_in_two_rows_is_refused() -> None:
    raw = b"label,icd10,icd9,snomed,names\nA,I10,,,\nB,I10,,,\n"
    with pytest.raises(ConceptTableBroken, match="both 'A' and 'B'"):
        ConceptTable.parse("conditions", raw)


def test_one_label_in_two_rows_is_refused() -> None:
    raw = b"label,icd10,icd9,snomed,names\nA,I10,,,\na,I11,,,\n"
    with pytest.raises(ConceptTableBroken, match="leave it in one row"):
        ConceptTable.parse("conditions", raw)


def test_the_version_follows_the_bytes() -> None:
    assert len(CONDITIONS.version) == 12
    assert CONDITIONS.version != PROCEDURES.version


def test_all_common_conditions_and_groups_are_known() -> None:
    folder = os.environ.get("LAMO_TEST_DATA")
    if not folder:
        pytest.skip("set LAMO_TEST_DATA to the folder of the shared knowledge tables")
    knowledge = Path(folder) / "knowledge"
    rows = csv.DictReader((knowledge / "synthea_conditions_snomed.csv").read_text().splitlines())
    assert [r["display"] for r in rows if not label(CONDITIONS, SNOMED, r["snomed"])] == []
    groups = json.loads((knowledge / "condition_groups.json").read_text())
    systems = {"icd9": ICD9, "icd10": ICD10, "snomed": SNOMED}
    codes = [(systems[k], code) for g in groups.values() for k in systems for code in g[k]]
    assert [code for system, code in codes if not label(CONDITIONS, system, code)] == []
