import json
from collections.abc import Iterable
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle

from cds_service.hooks import discovery
from fhir_mappings.mapping import HookResources, MappingTables, map_record
from fhir_mappings.record import Gap, Hospitalization, Medication, PatientRecord
from lamo.exports.fhir_files import Export
from lamo.exports.tally import Tally
from lamo.synthetic.fhir import (
    PREFETCH,
    AnyVisit,
    birth_date,
    order_sign_request,
    patient_bundle,
    visit_bundle,
)
from lamo.synthetic.fhir_files import export_by_type, write_bundles
from lamo.synthetic.injection import InjectedVisit, leave
from lamo.training.cohort.fhir_export import FhirReading, read_export
from lamo.training.cohort.rules import CohortRules
from tests.lamo.synthetic.cohort import cohort
from tests.lamo.synthetic.injected import injected

TABLES = MappingTables.load()
KNOWN_GAPS = {
    "allergy-unresolved",  # a contrast medium is not in the formulary
    "note-not-chosen",  # a chart of years has notes older than one
}


def read(bundle: dict[str, Any], visit: AnyVisit) -> tuple[PatientRecord, tuple[Gap, ...]]:
    resources = [entry["resource"] for entry in bundle["entry"]]
    drafts = [one for one in resources if one.get("status") == "draft"]
    now = [one for one in resources if one.get("status") == "in-progress"]
    call = HookResources(
        patient_id=visit.record.patient_id,
        encounter_id=now[0]["id"],
        decided_at=visit.record.decided_at,
        prefetched={"all": [one for one in resources if one not in drafts]},
        draft_orders=drafts,
    )
    return map_record(call, TABLES)


def names(items: Iterable[Any]) -> list[str]:
    return [item.label for item in items]


def lines(medications: Iterable[Medication]) -> list[tuple[set[str], date | None]]:
    return [({part.label for part in one.ingredients}, one.started) for one in medications]


def given(stay: Hospitalization) -> list[set[str]]:
    return [parts for parts, _ in lines(stay.medications)]


def assert_same(found: PatientRecord, told: PatientRecord) -> None:
    assert (found.age, found.sex, found.setting) == (told.age, told.sex, told.setting)
    assert names(found.diagnoses) == names(told.diagnoses)
    assert names(found.procedures) == names(told.procedures)
    assert lines(found.current) == lines(told.current)
    assert lines(found.ordered) == lines(told.ordered)
    assert [one.reference for one in found.ordered] == [one.reference for one in told.ordered]
    assert [one.display for one in found.allergies] == [one.display for one in told.allergies]
    assert [one.ingredients for one in found.allergies] == [
        one.ingredients for one in told.allergies
    ]


def test_the_record_of_a_bundle_is_the_record_that_made_it() -> None:
    visits: list[AnyVisit] = [*cohort()[:25], *injected()[25:60]]
    for visit in visits:
        found, gaps = read(visit_bundle(visit), visit)
        assert {gap.kind for gap in gaps} <= KNOWN_GAPS
        assert_same(found, visit.record)
        assert [(n.data.decode(), n.loinc, n.written) for n in found.documents] == [
            (n.text, n.loinc, n.written) for n in visit.record.notes
        ]


def test_the_previous_stay_comes_back_with_its_lists() -> None:
    with_stay = [visit for visit in cohort() if visit.record.previous][:50]
    off_by_one = 0
    for visit in with_stay:
        told, (found, _) = visit.record.previous, read(visit_bundle(visit), visit)
        assert told is not None
        assert found.previous is not None
        assert names(found.previous.diagnoses) == names(told.diagnoses)
        assert names(found.previous.procedures) == names(told.procedures)
        assert given(found.previous) == given(told)
        assert found.previous.started == told.started
        assert abs((found.previous.age or 0) - (told.age or 0)) <= 1
        off_by_one += found.previous.age != told.age
    assert off_by_one <= len(with_stay) // 10


def test_bundles_and_their_resources_are_valid() -> None:
    visits: list[AnyVisit] = [*cohort()[:4], *injected()[:4]]
    for visit in visits:
        Bundle.model_validate(visit_bundle(visit))
    Bundle.model_validate(patient_bundle(three_visits()))


def test_a_chart_holds_all_visits_up_to_the_present_one() -> None:
    visits = three_visits()
    bundle = patient_bundle(visits)
    found, gaps = read(bundle, visits[-1])
    types = [entry["resource"]["resourceType"] for entry in bundle["entry"]]
    assert types.count("Encounter") == len(visits)
    assert {gap.kind for gap in gaps} <= KNOWN_GAPS
    assert_same(found, visits[-1].record)
    told = visits[-1].record.previous
    assert (found.previous is None) == (told is None)
    if found.previous and told:
        assert names(found.previous.diagnoses) == names(told.diagnoses)


def test_the_keys_of_a_request_are_those_of_the_services() -> None:
    offered = {wanted.key: wanted.resource_type for wanted in discovery.PREFETCH}
    assert {key: kind for key, (kind, _) in PREFETCH.items()} == offered
    for wanted in discovery.PREFETCH:
        asked = wanted.template.partition("status=")[2].partition("&")[0]
        assert PREFETCH[wanted.key][1] == frozenset(asked.split(",") if asked else ())


def test_an_order_sign_request_carries_the_drafts_and_the_chart() -> None:
    visit = next(one for one in injected() if one.truth and one.truth[0].reference)
    request = order_sign_request(visit)
    drafts = [entry["resource"]["id"] for entry in request["context"]["draftOrders"]["entry"]]
    assert [f"MedicationRequest/{one}" for one in drafts] == [
        one.reference for one in visit.record.ordered
    ]
    assert visit.truth[0].reference == f"MedicationRequest/{drafts[-1]}"
    assert request["prefetch"]["patient"]["id"] == visit.record.patient_id
    assert not any(one in json.dumps(request["prefetch"]) for one in drafts)
    assert request == order_sign_request(visit)


def test_bundles_are_written_one_a_line(tmp_path: Path) -> None:
    path = tmp_path / "bundles.ndjson"
    assert write_bundles(path, cohort()[:5]) == 5
    kinds = [row["resourceType"] for row in rows_of(path)]
    assert kinds == ["Bundle"] * 5


def test_an_export_holds_one_patient_once_and_every_prescription(tmp_path: Path) -> None:
    visits = [visit for visit in cohort() if visit.patient < 12]
    counts = export_by_type(tmp_path, visits)
    assert counts["Patient"] == 12
    assert counts["Encounter"] == len(visits)
    for kind, count in counts.items():
        rows = rows_of(tmp_path / f"{kind}.ndjson")
        assert len({row["id"] for row in rows}) == len(rows) == count
    ordered = rows_of(tmp_path / "MedicationRequest.ndjson")
    assert {row["status"] for row in ordered} == {"completed"}


def test_an_export_is_read_back_as_the_visits_that_made_it(tmp_path: Path) -> None:
    visits = [visit for visit in cohort() if visit.patient < 12]
    export_by_type(tmp_path, visits)
    reading = FhirReading(
        export=Export(folders=[tmp_path], tally=Tally()),
        rules=CohortRules(min_visits=1),
        mapping=TABLES,
    )
    found = {(one.patient_id, one.admitted_at): one for one in read_export(reading)}
    for visit in visits:
        if visit.prescribed:
            read_back = found.pop((visit.record.patient_id, visit.record.decided_at))
            assert set(read_back.prescribed) == visit.prescribed
            assert read_back.record.setting == visit.setting
    assert not found


@pytest.mark.parametrize(("years", "age"), [(0, 40), (2, 42), (1, 90)])
def test_a_birth_date_fits_the_ages_told(years: int, age: int) -> None:
    then = date(2020, 3, 1)
    born = birth_date("synthetic-1", [(date(2020 + years, 3, 9), age), (then, age - years)])
    assert born.year in range(then.year - age - 8, then.year - age + years + 1)


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def three_visits() -> list[InjectedVisit]:
    for _, group in groupby(cohort(), key=lambda visit: visit.patient):
        visits = list(group)
        if len(visits) == 3 and {visit.setting for visit in visits} >= {"outpatient", "inpatient"}:
            return [leave(visit, 1) for visit in visits]
    raise AssertionError("no patient of the cohort has three visits in two settings")
