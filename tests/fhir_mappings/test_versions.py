"""Resources of other FHIR versions are read as what they mean in R4, and their version is told."""

import json
from dataclasses import asdict
from typing import Any

import fhir.resources
import fhir.resources.R4B
import fhir.resources.STU3
import pytest

from fhir_mappings.record import PatientRecord
from fhir_mappings.versions import as_r4, versions_of
from tests.fhir_mappings.calls import SUBJECT, kinds, map_call
from tests.fhir_mappings.twins import VERSIONS, patient_of

MODELS: dict[str, Any] = {
    "R4": fhir.resources.R4B.get_fhir_model_class,
    "STU3": fhir.resources.STU3.get_fhir_model_class,
    "R5": fhir.resources.get_fhir_model_class,
}


def read(version: str) -> tuple[PatientRecord, list[str]]:
    resources, drafts = patient_of(version)
    record, gaps = map_call(*resources, drafts=drafts, patient=None, encounter_id="now")
    return record, kinds(gaps)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_twin_is_valid_in_its_own_version(version: str) -> None:
    resources, drafts = patient_of(version)
    for resource in (*resources, *drafts):
        model = MODELS[version](resource["resourceType"])
        model.model_validate_json(json.dumps(resource))


@pytest.mark.parametrize("version", VERSIONS[1:])
def test_the_same_patient_in_another_version_gives_the_same_record(version: str) -> None:
    (record, gaps), (expected, expected_gaps) = read(version), read("R4")
    assert asdict(record) == asdict(expected)
    assert gaps == expected_gaps


def test_the_twins_fill_a_record() -> None:
    record, gaps = read("R4")
    assert (record.setting, len(record.diagnoses), len(record.past_diagnoses)) == ("icu", 1, 1)
    assert [one.reference for one in record.current] == [
        "MedicationRequest/inside",
        "MedicationRequest/diazepam",
        "MedicationStatement/aspirin",
        "MedicationStatement/metformin",
    ]
    assert [one.reference for one in record.documents] == ["DocumentReference/summary"]
    assert record.previous is not None
    assert len(record.previous.diagnoses) == 2
    assert len(record.previous.medications) == 4
    assert gaps == ["condition-refuted", "note-not-chosen", "order-replaced"]


@pytest.mark.parametrize("version", VERSIONS)
def test_the_version_is_told_by_the_shapes(version: str) -> None:
    resources, drafts = patient_of(version)
    assert versions_of([*resources, *drafts]) == (version,)
    assert versions_of([]) == ("R4",)


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_given_stays_as_it_was(version: str) -> None:
    resources, _ = patient_of(version)
    before = json.dumps(resources)
    read_as = [as_r4(resource) for resource in resources]
    assert json.dumps(resources) == before
    assert (version == "R4") == all(a is b for a, b in zip(read_as, resources, strict=True))


def state(code: str) -> dict[str, Any]:
    return {"coding": [{"code": code}]}


REFERENCE = {"reference": "Encounter/e"}
PAIRS: tuple[tuple[str, str, dict[str, Any], dict[str, Any]], ...] = (
    ("Condition", "DSTU2", {"patient": SUBJECT}, {"subject": SUBJECT}),
    ("Condition", "DSTU2", {"dateRecorded": "2020"}, {"recordedDate": "2020"}),
    ("Condition", "STU3", {"abatementBoolean": True}, {"clinicalStatus": state("resolved")}),
    ("Condition", "STU3", {"abatementBoolean": False}, {}),
    ("Procedure", "DSTU2", {"notPerformed": True}, {"status": "not-done"}),
    (
        "Procedure",
        "R5",
        {"occurrencePeriod": {"end": "2020"}},
        {"performedPeriod": {"end": "2020"}},
    ),
    (
        "AllergyIntolerance",
        "DSTU2",
        {"status": "refuted"},
        {"verificationStatus": state("refuted")},
    ),
    ("AllergyIntolerance", "DSTU2", {"status": "resolved"}, {"clinicalStatus": state("resolved")}),
    ("AllergyIntolerance", "DSTU2", {"criticality": "CRITH"}, {"criticality": "high"}),
    ("AllergyIntolerance", "R4", {"category": "medication"}, {"category": ["medication"]}),
    ("AllergyIntolerance", "R4", {"category": "other"}, {}),
    ("MedicationStatement", "DSTU2", {"wasNotTaken": True}, {"status": "not-taken"}),
    ("MedicationStatement", "STU3", {"status": "active", "taken": "na"}, {"status": "active"}),
    ("MedicationStatement", "R5", {"status": "recorded"}, {"status": "unknown"}),
    ("MedicationOrder", "DSTU2", {"dateWritten": "2020"}, {"authoredOn": "2020"}),
    ("MedicationRequest", "R5", {"status": "ended"}, {"status": "completed"}),
    ("Encounter", "DSTU2", {"class": "inpatient"}, {"class": {"code": "inpatient"}}),
    ("Encounter", "R5", {"status": "discharged"}, {"status": "finished"}),
    ("Encounter", "R5", {"status": "on-hold"}, {"status": "onleave"}),
    (
        "DocumentReference",
        "DSTU2",
        {"docStatus": state("preliminary")},
        {"docStatus": "preliminary"},
    ),
    ("DocumentReference", "STU3", {"created": "2020", "indexed": "2021"}, {"date": "2020"}),
    (
        "DocumentReference",
        "R4",
        {"context": {"encounter": REFERENCE}},
        {"context": {"encounter": [REFERENCE]}},
    ),
    (
        "DocumentReference",
        "R5",
        {"period": {"end": "2020"}},
        {"context": {"period": {"end": "2020"}}},
    ),
)


@pytest.mark.parametrize(("kind", "version", "other", "r4"), PAIRS)
def test_an_element_is_written_as_r4_has_it(
    kind: str, version: str, other: dict[str, Any], r4: dict[str, Any]
) -> None:
    resource = {"resourceType": kind, "id": "x"}
    assert as_r4(resource | other) == resource | r4
    expected = "DSTU2" if kind == "MedicationOrder" else version
    assert versions_of([resource | other]) == (expected,)


@pytest.mark.parametrize(
    ("kind", "odd"),
    [
        ("Condition", {"context": {"reference": "EpisodeOfCare/1"}}),
        ("Encounter", {"diagnosis": [{"condition": [{"concept": {"text": "Asthma"}}]}]}),
        ("Encounter", {"class": [{"coding": []}]}),
        ("MedicationRequest", {"medication": {"reference": "Medication/1"}}),
        ("DocumentReference", {"docStatus": {"text": "final"}}),
    ],
)
def test_what_r4_has_no_place_for_stays_as_it_is(kind: str, odd: dict[str, Any]) -> None:
    resource = {"resourceType": kind} | odd
    assert as_r4(resource) == resource
