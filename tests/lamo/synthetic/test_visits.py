from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from fhir_mappings.record import Observation, PatientRecord
from lamo.visits import Visit, VisitUnreadable, from_json, read_visits, save_visits, to_json
from tests.lamo.synthetic.cohort import cohort


def test_a_visit_survives_json() -> None:
    assert all(from_json(to_json(visit)) == visit for visit in cohort()[:60])


def test_what_does_not_count_for_equality_survives_too() -> None:
    visit = next(v for v in cohort() if v.record.current and v.record.diagnoses)
    back = from_json(to_json(visit))
    assert back.record.diagnoses[0].codings == visit.record.diagnoses[0].codings
    assert back.record.current[0].display == visit.record.current[0].display
    assert isinstance(back.record.current[0].started, date)


def test_observations_survive_json() -> None:
    now = datetime(2024, 5, 1, 9, tzinfo=UTC)
    seen = Observation(loinc="2160-0", display="Creatinine", value=0.0, taken_at=now)
    status = Observation(loinc="82810-3", display="Pregnancy", coded="Yes", codes=("77386006",))
    record = PatientRecord(patient_id="p", decided_at=now, observations=(seen, status))
    visit = Visit(record=record, prescribed=frozenset(), probabilities={}, patient=1, setting="icu")
    assert '"codes":' not in to_json(visit).partition("82810-3")[0], "as in a line of before"
    assert from_json(to_json(visit)) == visit


def test_a_file_gives_its_visits_back(tmp_path: Path) -> None:
    path = tmp_path / "visits.jsonl"
    assert save_visits(path, cohort()[:5]) == 5
    assert tuple(read_visits(path)) == cohort()[:5]


@pytest.mark.parametrize("line", ["", "{}", "[]", '{"record": {"decided_at": 3}}'])
def test_a_line_that_is_no_visit_is_refused(line: str) -> None:
    with pytest.raises(VisitUnreadable, match="lamo-cds synthesize"):
        from_json(line)
