"""The eICU reader on hand-made tables."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lamo.training.cohort.rules import EVERY_VISIT
from tests.lamo.training.cohort.made import read, write_table

FIRST: dict[str, Any] = {
    "patientunitstayid": 1,
    "patienthealthsystemstayid": 10,
    "gender": "Female",
    "age": "> 89",
    "uniquepid": "002-1",
    "hospitaldischargeyear": 2014,
    "hospitaladmittime24": "08:30:00",
    "hospitaladmitoffset": -120,
    "unitdischargeoffset": 1440,
}
SECOND = FIRST | {"patientunitstayid": 2, "hospitaladmitoffset": -3000}
SAME_YEAR = FIRST | {"patientunitstayid": 3, "patienthealthsystemstayid": 11, "age": "67"}


def _write(folder: Path, **case: bool) -> Path:
    def write(name: str, *rows: dict[str, Any]) -> None:
        write_table(folder, name, rows, **case)

    def stay(number: int, offset: str, minutes: int, **more: Any) -> dict[str, Any]:
        return {"patientunitstayid": number, offset: minutes, **more}

    write("patient", FIRST, SECOND, SAME_YEAR)
    drugs = ((1, "FUROSEMIDE 40 MG TABS", "No"), (1, "HEPARIN", "Yes"), (2, "METOPROLOL", "No"))
    write(
        "medication",
        *(
            stay(number, "drugorderoffset", 60, drugname=name, drugordercancelled=cancelled)
            for number, name, cancelled in (*drugs, (3, "ASPIRIN 81 MG", "No"))
        ),
    )
    shock = "cardiovascular|shock / hypotension|septic shock"
    write(
        "diagnosis",
        stay(1, "diagnosisoffset", 10, diagnosisstring=shock, icd9code="785.52, R65.21"),
        stay(1, "diagnosisoffset", 500, diagnosisstring="renal|acute renal failure", icd9code=""),
    )
    entered = "admission diagnosis|All Diagnosis|Non-operative|Diagnosis|Renal|Nephritis"
    other = "admission diagnosis|Was the patient admitted from the O.R.|No"
    write(
        "admissionDx",
        *(stay(1, "admitdxenteredoffset", 5, admitdxpath=path) for path in (entered, other)),
    )
    ventilation = "pulmonary|ventilation and oxygenation|mechanical ventilation"
    medication = "cardiovascular|shock|vasopressors|norepinephrine > 0.1 micrograms/kg/min"
    write(
        "treatment",
        *(stay(1, "treatmentoffset", 20, treatmentstring=t) for t in (ventilation, medication)),
    )
    write("allergy", stay(1, "allergyenteredoffset", 15, allergyname="penicillins"))
    write("admissionDrug", stay(1, "drugenteredoffset", 15, drugname="LISINOPRIL"))
    return folder


@pytest.mark.parametrize("case", [{}, {"gz": True}, {"upper": True}])
def test_unit_stays_are_visits_in_intensive_care(tmp_path: Path, case: dict[str, bool]) -> None:
    found = read("eicu", _write(tmp_path, **case))

    first = found.by_id["1"]
    assert (first.patient_id, first.year_bucket) == ("002-1", "2014")
    assert (first.record.age, first.record.sex, first.record.setting) == (90, "female", "icu")
    assert first.prescribed == ("Furosemide",)
    assert found.tally.dropped["medication: cancelled"] == 1


def test_diagnoses_allergies_and_home_medications_are_told(tmp_path: Path) -> None:
    record = read("eicu", _write(tmp_path)).by_id["1"].record

    assert {"Septic shock", "Nephritis"} <= {one.label for one in record.diagnoses}
    assert [one.display for one in record.allergies] == ["penicillins"]
    assert [one.ingredients[0].label for one in record.current] == ["Lisinopril"]


def test_a_treatment_that_names_a_medication_is_not_told(tmp_path: Path) -> None:
    found = read("eicu", _write(tmp_path))

    assert len(found.by_id["1"].record.procedures) == 1
    assert found.tally.dropped["treatment: it names a medication, or no stay"] == 1


def test_before_the_first_order_later_minutes_are_not_told(tmp_path: Path) -> None:
    rules = replace(EVERY_VISIT, knowledge="first-order")

    record = read("eicu", _write(tmp_path), rules=rules).by_id["1"].record

    assert "Acute kidney injury" not in {one.label for one in record.diagnoses}
    assert len(record.diagnoses) == 2


def test_a_stay_follows_only_one_that_is_known_to_be_earlier(tmp_path: Path) -> None:
    visits = read("eicu", _write(tmp_path)).by_id

    previous = visits["2"].record.previous
    assert previous is not None
    assert [one.display for one in previous.medications] == ["Furosemide"]
    assert visits["3"].record.previous is None
