"""The MIMIC-IV reader on hand-made tables."""

from dataclasses import replace
from pathlib import Path

import pytest

from lamo.training.cohort.rules import EVERY_VISIT
from tests.lamo.training.cohort.made import read
from tests.lamo.training.cohort.mimic_tables import write_mimic4


@pytest.mark.parametrize(("gz", "upper"), [(False, False), (True, False), (False, True)])
def test_both_modules_are_read_from_their_folders(tmp_path: Path, gz: bool, upper: bool) -> None:
    found = read("mimic4", write_mimic4(tmp_path, gz=gz, upper=upper))

    assert [(v.visit_id, v.year_bucket, v.record.age) for v in found.visits] == [
        ("101", "2011 - 2013", 60),
        ("102", "2011 - 2013", 62),
        ("300", "2011 - 2013", 81),
    ]
    assert found.by_id["101"].record.notes[0].loinc == "18842-5"


def test_codes_of_both_versions_have_titles(tmp_path: Path) -> None:
    visits = read("mimic4", write_mimic4(tmp_path)).by_id

    labels = [one.label for one in visits["102"].record.diagnoses]
    assert labels == ["Type 2 diabetes mellitus", "Heart failure", "Hypertension"]


def test_a_procedure_of_an_earlier_day_is_known_before_the_first_order(tmp_path: Path) -> None:
    rules = replace(EVERY_VISIT, knowledge="first-order")

    record = read("mimic4", write_mimic4(tmp_path), rules=rules).by_id["101"].record

    assert [one.label for one in record.procedures] == ["Cardiac catheterization"]
    assert record.diagnoses == ()
    assert record.notes == ()


def test_an_ndc_of_zero_is_read_by_its_name(tmp_path: Path) -> None:
    visits = read("mimic4", write_mimic4(tmp_path)).by_id

    assert "Metoprolol" in visits["102"].prescribed
