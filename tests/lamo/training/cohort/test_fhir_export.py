"""The reader of FHIR exports: what became of things later is not told."""

import base64
import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lamo.exports.errors import LinesMissing
from lamo.training.cohort.rules import EVERY_VISIT
from tests.lamo.training.cohort.made import read

EARLY = replace(EVERY_VISIT, knowledge="first-order")
SUBJECT = {"reference": "Patient/p1"}


def _resource(kind: str, name: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": kind, "id": name, "subject": SUBJECT, **more}


def _at(encounter: str) -> dict[str, Any]:
    return {"encounter": {"reference": f"Encounter/{encounter}"}}


def _order(name: str, drug: str, authored: str, encounter: str, **more: Any) -> dict[str, Any]:
    named = {"medicationCodeableConcept": {"text": drug}, "status": "completed"}
    stated = {"intent": "order", "authoredOn": authored}
    return _resource("MedicationRequest", name, **named, **stated, **_at(encounter)) | more


def _stay(name: str, start: str, end: str) -> dict[str, Any]:
    period = {"start": start, "end": end}
    return _resource(
        "Encounter", name, status="finished", period=period, **{"class": {"code": "IMP"}}
    )


def _problem(name: str, text: str, recorded: str, **more: Any) -> dict[str, Any]:
    return _resource("Condition", name, code={"text": text}, recordedDate=recorded, **more)


def _note(name: str, text: str, date: str) -> dict[str, Any]:
    data = base64.b64encode(text.encode()).decode()
    content = [{"attachment": {"contentType": "text/plain", "data": data}}]
    return _resource("DocumentReference", name, status="current", date=date, content=content)


RESOLVED = {"coding": [{"code": "resolved"}]}
RESOURCES = [
    {"resourceType": "Patient", "id": "p1", "gender": "male", "birthDate": "1950-01-01"},
    _stay("e1", "2020-01-01T08:00:00Z", "2020-01-05T08:00:00Z"),
    _stay("e2", "2021-01-01T08:00:00Z", "2021-01-05T08:00:00Z"),
    _order("m1", "Furosemide 40 MG Oral Tablet", "2020-01-01T10:00:00Z", "e1"),
    _order("m2", "Metoprolol 25 MG Oral Tablet", "2021-01-01T10:00:00Z", "e2"),
    _order("m3", "Lisinopril 10 MG Oral Tablet", "2021-01-02T10:00:00Z", "e2"),
    _order("m4", "Aspirin 81 MG", "2021-01-02T10:00:00Z", "e2", status="entered-in-error"),
    _problem("c1", "Hypertension", "2019-01-01T08:00:00Z", clinicalStatus=RESOLVED)
    | {"abatementDateTime": "2022-01-01T08:00:00Z"},
    _problem("c2", "Pneumonia", "2021-01-03T08:00:00Z"),
    _problem("c3", "Gout", "2023-01-01T08:00:00Z"),
    _note("d1", "Allergies: none", "2021-01-01T09:00:00Z"),
    _note("d2", "Discharge medications: all", "2021-01-06T09:00:00Z"),
    {"resourceType": "Observation", "id": "o1", "subject": SUBJECT},
]


def _export(folder: Path) -> Path:
    by_kind: dict[str, list[str]] = {}
    for resource in RESOURCES:
        by_kind.setdefault(resource["resourceType"], []).append(json.dumps(resource))
    for kind, lines in by_kind.items():
        (folder / f"{kind}.000.ndjson").write_text("\n".join(lines) + "\n")
    return folder


def test_an_encounter_is_a_visit_and_its_orders_are_prescribed(tmp_path: Path) -> None:
    found = read("fhir", _export(tmp_path))

    assert [(v.visit_id, v.prescribed) for v in found.visits] == [
        ("e1", ("Furosemide",)),
        ("e2", ("Lisinopril", "Metoprolol")),
    ]
    assert found.by_id["e2"].record.ordered == ()
    assert found.by_id["e2"].record.current == ()
    assert found.tally.dropped["resources: Observation is not read"] == 1


def test_a_folder_of_bundles_gives_the_same_visits(tmp_path: Path) -> None:
    bundle = {"resourceType": "Bundle", "entry": [{"resource": one} for one in RESOURCES]}
    lines = tmp_path / "bundles.ndjson.gz"
    lines.write_bytes(gzip.compress(json.dumps(bundle).encode()))
    (tmp_path / "bulk").mkdir()

    assert read("fhir", lines).visits == read("fhir", _export(tmp_path / "bulk")).visits


def test_the_end_of_the_encounter_tells_all_of_it_and_nothing_later(tmp_path: Path) -> None:
    record = read("fhir", _export(tmp_path)).by_id["e2"].record

    assert {one.label for one in record.diagnoses} == {"Hypertension", "Pneumonia"}
    assert [note.text for note in record.notes] == ["Allergies: none"]
    assert record.age == 71


def test_before_the_first_order_the_rest_of_the_encounter_is_not_told(tmp_path: Path) -> None:
    visit = read("fhir", _export(tmp_path), rules=EARLY).by_id["e2"]

    assert visit.record.decided_at == visit.first_order_at
    assert [one.label for one in visit.record.diagnoses] == ["Hypertension"]
    assert visit.record.previous is not None
    assert [one.display for one in visit.record.previous.medications] == [
        "Furosemide 40 MG Oral Tablet"
    ]


def test_lines_that_are_no_resources_are_counted(tmp_path: Path) -> None:
    (_export(tmp_path) / "odd.ndjson").write_text('{"resourceType": "Condition"}\n[1]\n{"a\n')

    dropped = read("fhir", tmp_path).tally.dropped

    assert dropped["lines: not JSON, or text that cannot be stored"] == 1
    assert dropped["lines: not a resource"] == 1
    assert dropped["resources: Condition without a patient"] == 1


def test_a_folder_without_lines_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LinesMissing, match="ndjson"):
        read("fhir", tmp_path)


def test_patients_of_a_bulk_export_become_visits(test_data: Path, tmp_path: Path) -> None:
    source = test_data / "data" / "fhir" / "synthea" / "bundles.ndjson.gz"
    with gzip.open(source, "rt", encoding="utf-8") as lines:
        (tmp_path / "three.ndjson").write_text("".join(next(lines) for _ in range(3)))

    found = read("fhir", tmp_path)

    print("\n".join(found.tally.lines()))
    assert found.visits
    assert all(visit.prescribed and visit.record.age is not None for visit in found.visits)
