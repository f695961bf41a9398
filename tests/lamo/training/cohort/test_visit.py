"""The line of a cohort visit."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from lamo import visits
from lamo.synthetic.generator import synthesize
from lamo.training.cohort.visit import CohortVisit, from_json, from_synthetic, own_part, to_json
from lamo.visits import VisitUnreadable
from tests.lamo.records import patient
from tests.lamo.training.cohort.made import read

VISIT = CohortVisit(
    visit_id="v1",
    patient_id='a patient, "quoted" ,"cohort":{',
    record=patient(),
    prescribed=("Furosemide", "Metoprolol"),
    admitted_at=datetime(2150, 1, 2, tzinfo=UTC),
    source="mimic4",
    year_bucket="2011 - 2013",
    first_order_at=datetime(2150, 1, 3, tzinfo=UTC),
)


def test_a_visit_comes_back_from_its_line_whole() -> None:
    assert from_json(to_json(VISIT)) == VISIT


def test_what_a_line_says_of_the_visit_is_read_without_its_record() -> None:
    assert own_part(to_json(VISIT) + "\n")["patient_id"] == VISIT.patient_id


def test_whatever_reads_visits_reads_cohorts() -> None:
    visit = visits.from_json(to_json(VISIT))

    assert visit.record == VISIT.record
    assert visit.prescribed == {"Furosemide", "Metoprolol"}


def test_a_line_without_a_cohort_is_refused() -> None:
    with pytest.raises(VisitUnreadable, match="give a file that the cohort stage wrote"):
        from_json(visits.to_json(VISIT.to_visit()))


def test_synthetic_visits_join_with_their_true_chances(tmp_path: Path) -> None:
    drawn = list(synthesize(3, 5))
    path = tmp_path / "synthetic.jsonl"
    visits.save_visits(path, drawn)

    found = read("synthetic", path)

    assert found.visits == [from_synthetic(visit) for visit in drawn]
    assert found.visits[0].probabilities == drawn[0].probabilities
    assert len({visit.visit_id for visit in found.visits}) == len(drawn)
