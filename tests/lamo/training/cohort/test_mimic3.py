"""The MIMIC-III reader on hand-made tables, and on the public demo."""

from dataclasses import replace
from pathlib import Path

import pytest

from lamo.exports.errors import ColumnMissing, TableAmbiguous, TableBroken, TableMissing
from lamo.exports.tally import Tally
from lamo.training.cohort.config import CohortConfig
from lamo.training.cohort.drugs import DrugBankFiles
from lamo.training.cohort.rules import EVERY_VISIT, CohortRules
from lamo.training.cohort.sources import cohort_visits
from tests.lamo.training.cohort.made import read, write_table
from tests.lamo.training.cohort.mimic_tables import write_mimic3, write_noteevents

SMALL = CohortRules(top=None, rare=0, need_codes=False)


@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("gz", [False, True])
def test_visits_are_the_same_in_either_case_gzipped_or_plain(
    tmp_path: Path, gz: bool, upper: bool
) -> None:
    found = read("mimic3", write_mimic3(tmp_path, gz=gz, upper=upper))

    assert [(v.patient_id, v.visit_id) for v in found.visits] == [
        ("7", "101"),
        ("7", "102"),
        ("12", "300"),
    ]
    assert [v.prescribed for v in found.visits] == [
        ("Furosemide",),
        ("Insulin human", "Metoprolol"),
        ("Acetaminophen",),
    ]
    assert all(len(digest) == 64 for digest in found.inputs.values())
    assert len(found.inputs) == 7


def test_demographics_and_titles_are_those_of_the_record(tmp_path: Path) -> None:
    visits = read("mimic3", write_mimic3(tmp_path)).by_id

    assert [(v.record.age, v.record.sex) for v in visits.values()] == [
        (60, "female"),
        (62, "female"),
        (90, "male"),
    ]
    labels = [one.label for one in visits["102"].record.diagnoses]
    assert labels == ["Type 2 diabetes mellitus", "Heart failure"]
    assert visits["300"].record.diagnoses == ()


def test_the_row_before_is_the_previous_hospitalization(tmp_path: Path) -> None:
    visits = read("mimic3", write_mimic3(tmp_path)).by_id

    previous = visits["102"].record.previous
    assert previous is not None
    assert [drug.display for drug in previous.medications] == ["Furosemide"]
    assert previous.age == 60
    assert visits["101"].record.previous is None
    assert visits["300"].record.previous is None


def test_every_dropped_row_is_counted_by_reason(tmp_path: Path) -> None:
    tally = read("mimic3", write_mimic3(tmp_path), rules=replace(SMALL, min_visits=1)).tally

    assert tally.counted["usable rows of MAIN prescriptions"] == 5
    assert dict(tally.dropped) == {
        "prescriptions: drug type is not MAIN": 1,
        "prescriptions: NDC is 0": 1,
        "prescriptions: an empty value": 1,
        "prescriptions: the same drug of the same visit again": 1,
        "prescriptions: not mapped to a medication": 1,
        "codes: without a title": 1,
    }


def test_patients_with_one_visit_go_before_the_other_cuts(tmp_path: Path) -> None:
    found = read("mimic3", write_mimic3(tmp_path), rules=replace(SMALL, need_codes=True))

    assert [visit.visit_id for visit in found.visits] == ["101"]
    assert found.tally.dropped["prescriptions: the patient has fewer than 2 visits"] == 2
    assert found.tally.dropped["prescriptions: the visit lacks diagnoses or procedures"] == 1


def test_the_first_discharge_summary_is_the_note_and_a_visit_without_one_goes(
    tmp_path: Path,
) -> None:
    write_noteevents(write_mimic3(tmp_path), upper=True)

    found = read("mimic3", tmp_path, rules=SMALL)

    assert [note.text for v in found.visits for note in v.record.notes] == [
        "Allergies:\nPenicillin"
    ]
    assert found.tally.dropped["visits: no discharge summary"] == 1
    assert found.tally.dropped["notes: marked as an error"] == 1


def test_a_note_that_is_not_text_is_dropped_and_counted(tmp_path: Path) -> None:
    write_noteevents(write_mimic3(tmp_path))

    found = read("mimic3", tmp_path)

    assert found.by_id["300"].record.notes == ()
    assert found.tally.dropped["notes: not text"] == 1


def test_before_the_first_order_only_earlier_notes_and_stays_are_told(tmp_path: Path) -> None:
    write_noteevents(write_mimic3(tmp_path))

    record = (
        read("mimic3", tmp_path, rules=replace(EVERY_VISIT, knowledge="first-order"))
        .by_id["102"]
        .record
    )

    assert record.diagnoses == ()
    assert [note.text for note in record.notes] == ["On admission."]
    assert record.previous is not None
    assert f"{record.decided_at:%F %T}" == "2162-05-02 00:00:00"


def test_the_frequency_cut_includes_its_end(tmp_path: Path) -> None:
    found = read("mimic3", write_mimic3(tmp_path), rules=replace(EVERY_VISIT, top=1))

    assert {label for v in found.visits for label in v.prescribed} == {
        "Acetaminophen",
        "Furosemide",
    }
    assert found.tally.dropped["medications: not among the most frequent"] == 2


def test_the_code_map_of_the_user_decides_before_the_name(tmp_path: Path) -> None:
    codes = write_table(tmp_path / "codes", "map", [{"ndc11": "99999999999", "rxcui": "6918"}])

    found = read("mimic3", write_mimic3(tmp_path / "db"), codes=codes)

    assert found.by_id["300"].prescribed == ("Acetaminophen", "Metoprolol")


def test_lamo_s_own_map_cuts_the_package_and_needs_a_structure(tmp_path: Path) -> None:
    ids = [("005482972", "DB1"), ("000482972", "DB2"), ("000028215", "DB2"), ("000548297", "DB1")]
    ndc_map = write_table(tmp_path, "map", [{"ndc": a, "drugbank_id": b} for a, b in ids])
    info = [("DB1", "Furosemide", "NS(=O)"), ("DB2", "Insulin human", "")]
    rows = [dict(zip(("drugbank_id", "name", "smiles"), row, strict=True)) for row in info]
    files = DrugBankFiles(ndc_map=ndc_map, info=write_table(tmp_path, "info", rows))
    tables = write_mimic3(tmp_path / "db")
    config = CohortConfig(
        source="mimic3", folders=(tables,), out=tmp_path, rules=EVERY_VISIT, drugbank=files
    )
    tally = Tally()

    visits = list(cohort_visits(config, tally, {}))

    assert [(v.visit_id, v.prescribed) for v in visits] == [("101", ("Furosemide",))]
    assert tally.dropped["medications: not of the vocabulary"] == 1


def test_what_is_wrong_with_a_table_is_told(tmp_path: Path) -> None:
    write_mimic3(tmp_path, gz=True)
    path = tmp_path / "admissions.csv.gz"
    whole = path.read_bytes()

    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(TableBroken, match=r"admissions.csv.gz cannot be read to its end"):
        read("mimic3", tmp_path)
    path.unlink()
    with pytest.raises(TableMissing, match="no table admissions in"):
        read("mimic3", tmp_path)
    write_table(tmp_path, "admissions", [{"subject_id": 1, "hadm_id": 2}])
    with pytest.raises(ColumnMissing, match="has no column admittime, dischtime"):
        read("mimic3", tmp_path)
    path.write_bytes(whole)
    with pytest.raises(TableAmbiguous, match="keep one of them"):
        read("mimic3", tmp_path)


def test_a_plain_table_that_ends_within_a_row_is_refused(tmp_path: Path) -> None:
    write_mimic3(tmp_path)
    path = tmp_path / "prescriptions.csv"
    path.write_text(path.read_text()[:-30])

    with pytest.raises(TableBroken, match="its last row is not whole"):
        read("mimic3", tmp_path)


def test_the_demo_has_the_counts_of_lamo_s_cohort(test_data: Path) -> None:
    rules = CohortRules(min_visits=1, top=None, rare=0)
    codes = test_data / "data" / "codes" / "ndc11_to_rxcui.csv"

    found = read("mimic3", test_data / "data" / "mimic3demo", rules=rules, codes=codes)

    print("\n".join(found.tally.lines()))
    assert found.tally.counted["usable rows of MAIN prescriptions"] == 7272
    assert found.tally.counted["complete visits"] == len(found.visits) == 107


def test_41_visits_of_the_demo_are_of_patients_with_two_or_more(test_data: Path) -> None:
    found = read("mimic3", test_data / "data" / "mimic3demo", rules=CohortRules())

    assert found.tally.counted["visits with prescriptions of such patients"] == 41
