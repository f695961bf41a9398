"""Whatever stands in the JSON, mapping it never raises, and what it makes can be printed."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_mappings.mapping import HookResources, map_record
from tests.fhir_mappings.calls import NOW, labels, tables

TYPES = (
    "Patient Condition Procedure DocumentReference AllergyIntolerance MedicationRequest "
    "MedicationStatement MedicationOrder Medication Encounter Observation ServiceRequest"
).split()
ELEMENTS = (
    "id status intent class period start end code coding text system display clinicalStatus "
    "verificationStatus onsetDateTime abatementDateTime recordedDate encounter diagnosis condition "
    "reference subject patient birthDate gender performedDateTime content attachment contentType "
    "data date type category reaction substance manifestation criticality contained ingredient "
    "itemCodeableConcept medicationCodeableConcept medicationReference authoredOn "
    "dispenseRequest validityPeriod location serviceType valueQuantity value comparator "
    "valueCodeableConcept effectiveDateTime effectivePeriod docStatus context doNotPerform "
    "medication concept item participant adherence taken notDone abatementBoolean dateWritten "
    "assertedDate actualPeriod occurrencePeriod indexed relatesTo requester agent wasNotTaken"
).split()
WORDS = (
    "p1 Patient/p1 #m Medication/m Condition/c Encounter/e IMP AMB finished in-progress active "
    "resolved current text/plain eA== laboratory 2020 2020-01-01 2020-01-01T00:00:00Z Warfarin "
    "http://loinc.org http://snomed.info/sct 2160-0 38341003 < medication Penicillin"
).split()

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(WORDS)
    | st.text(st.characters(), max_size=12)
)
NAMES = st.sampled_from(ELEMENTS) | st.text(max_size=5)
JSON: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=25,
)
RESOURCE = st.builds(
    lambda kind, body: {**body, "resourceType": kind},
    st.sampled_from(TYPES),
    st.dictionaries(st.sampled_from(ELEMENTS), JSON, max_size=8),
)
KEYS = ("patient", "conditions", "medications", "allergies", "encounters", "odd")
PREFETCHED = st.dictionaries(
    st.sampled_from(KEYS), st.lists(RESOURCE | JSON, max_size=5) | JSON, max_size=4
)


@settings(max_examples=300, deadline=None)
@given(PREFETCHED, st.lists(RESOURCE | JSON, max_size=4) | JSON, st.none() | st.sampled_from(WORDS))
def test_odd_data_never_raises(prefetched: Any, drafts: Any, encounter_id: str | None) -> None:
    resources = HookResources(
        patient_id="p1",
        encounter_id=encounter_id,
        decided_at=NOW,
        prefetched=prefetched,
        draft_orders=drafts,
    )
    record, gaps = map_record(resources, tables())
    titles = labels(record.diagnoses) + labels(record.procedures)
    assert all(title.isprintable() and 0 < len(title) <= 80 for title in titles)
    assert all(gap.kind and gap.where and gap.meaning for gap in gaps)
    assert record.age is None or 0 <= record.age <= 90
