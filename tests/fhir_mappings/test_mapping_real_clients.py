"""Public example resources, recorded calls and whole synthetic bundles, mapped as they are.

They stand outside the project: LAMO_TEST_DATA names the folder that holds them.
"""

import gzip
import json
import os
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fhir_mappings.mapping import HookResources, map_record
from fhir_mappings.record import Gap, PatientRecord
from tests.fhir_mappings.calls import NOW, ingredients, labels, tables

if not os.environ.get("LAMO_TEST_DATA"):
    pytest.skip(
        "LAMO_TEST_DATA is unset: point it at the folder with the public FHIR examples",
        allow_module_level=True,
    )
DATA = Path(os.environ["LAMO_TEST_DATA"]) / "data"
EXAMPLES = DATA / "fhir" / "us_core_examples"
CALLS = sorted((DATA / "hook_requests").glob("*-call-*.json"))


def map_resources(
    patient_id: str, resources: list[Any], drafts: list[Any] | None = None, at: datetime = NOW
) -> tuple[PatientRecord, tuple[Gap, ...]]:
    call = HookResources(
        patient_id=patient_id,
        encounter_id=None,
        decided_at=at,
        prefetched={"all": resources},
        draft_orders=drafts or [],
    )
    return map_record(call, tables())


def map_examples(*names: str) -> tuple[PatientRecord, tuple[Gap, ...]]:
    read = [json.loads((EXAMPLES / f"{name}.json").read_text()) for name in names]
    patient = {"resourceType": "Patient", "id": "example", "gender": "female", "birthDate": "1987"}
    return map_resources("example", [patient, *read])


def entries(bundle: Any) -> list[Any]:
    return [entry["resource"] for entry in (bundle or {}).get("entry", [])]


def test_the_four_ways_of_us_core_to_name_a_medication_are_followed() -> None:
    names = ("coded-oral-axid", "contained-oral-axid", "referenced-oral-axid", "self-tylenol")
    record, gaps = map_examples(*(f"medicationrequest-{name}" for name in names), "uscore-med2")
    assert ingredients(record.current)[:3] == [["Nizatidine"]] * 3
    assert "Acetaminophen" in ingredients(record.current)[3]
    assert gaps == ()


def test_the_conditions_of_us_core_are_told_apart() -> None:
    names = ("condition-duodenal-ulcer", "condition-encounter-diagnosis-example1")
    record, gaps = map_examples(*names, "condition-duodenal-ulcer-resolved")
    assert len(record.diagnoses) == 2
    assert len(record.past_diagnoses) <= 1
    assert gaps == ()


def test_the_discharge_summary_of_us_core_is_read() -> None:
    record, gaps = map_examples("documentreference-discharge-summary")
    assert record.documents[0].data.startswith(b"No activity restriction")
    assert record.documents[0].loinc == "18842-5"
    assert gaps == ()


def test_the_allergies_of_us_core_are_a_class_and_a_substance() -> None:
    record, gaps = map_examples(
        "allergyintolerance-example", "allergyintolerance-non-pharmacologic-agent-example"
    )
    classes = [one.substance_class for one in record.allergies]
    assert classes == ["sulfonamide_antimicrobials", None]
    assert gaps == ()


def test_every_us_core_example_is_mapped() -> None:
    resources = [json.loads(path.read_text()) for path in sorted(EXAMPLES.glob("*.json"))]
    record, gaps = map_resources("example", resources)
    assert record.diagnoses
    assert record.observations
    print(f"\n{len(resources)} US Core examples:", Counter(gap.kind for gap in gaps))


@pytest.mark.parametrize("path", CALLS, ids=[path.stem for path in CALLS])
def test_a_recorded_call_is_mapped(path: Path) -> None:
    body = json.loads(path.read_text())["body"]
    context, prefetch = body["context"], body.get("prefetch") or {}
    sent = [
        one
        for answer in prefetch.values()
        for one in (entries(answer) if answer["resourceType"] == "Bundle" else [answer])
    ]
    drafts = entries(context.get("draftOrders"))
    record, gaps = map_resources(context["patientId"], sent, drafts)
    named = [draft for draft in drafts if "medicationCodeableConcept" in draft]
    assert len(record.ordered) == len(named)
    assert all(order.ingredients for order in record.ordered)
    assert {gap.kind for gap in gaps} <= {"order-without-medication", "patient-missing"}


def bundles() -> Iterator[list[Any]]:
    with gzip.open(DATA / "fhir" / "synthea" / "bundles.ndjson.gz", "rt") as lines:
        yield from (entries(json.loads(line)) for line in lines)


def test_every_synthea_bundle_is_mapped() -> None:
    counted: Counter[str] = Counter()
    gap_kinds: Counter[str] = Counter()
    for resources in bundles():
        patient_id = next(r["id"] for r in resources if r["resourceType"] == "Patient")
        at = datetime(2021, 6, 1, tzinfo=UTC)
        record, gaps = map_resources(patient_id, resources, at=at)
        assert record.age is not None
        assert len(set(labels(record.diagnoses))) == len(record.diagnoses)
        gap_kinds.update(gap.kind for gap in gaps)
        counted.update(
            patients=1,
            diagnoses=len(record.diagnoses),
            past=len(record.past_diagnoses),
            procedures=len(record.procedures),
            allergies=len(record.allergies),
            current=len(record.current),
            resolved=sum(bool(one.ingredients) for one in record.current),
            previous=record.previous is not None,
            observations=len(record.observations),
        )
    print("\nSynthea:", dict(counted), "gaps:", dict(gap_kinds))
    assert counted["patients"] == 308
    assert counted["resolved"] >= 0.98 * counted["current"]
