"""Whatever R4 resource there is stays as it is, and whatever else stands in one never raises."""

import json
from typing import Any

from fhir.resources.R4B import get_fhir_model_class
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fhir_mappings.version_table import ROWS
from fhir_mappings.versions import as_r4, versions_of
from tests.fhir_mappings.test_mapping_total import JSON, TYPES

Strategy = st.SearchStrategy[Any]


def obj(required: dict[str, Strategy] | None = None, /, **optional: Strategy) -> Strategy:
    return st.fixed_dictionaries(required or {}, optional=optional)


def some(items: Strategy) -> Strategy:
    return st.lists(items, min_size=1, max_size=2)


WORD = st.sampled_from(["active", "inpatient", "CRITH", "other", "taking", "recorded"])
CODING = obj({"code": WORD}, system=st.just("urn:x"), display=WORD)
CONCEPT = st.one_of(obj({"text": WORD}), obj({"coding": some(CODING)}, text=WORD))
TARGET = st.sampled_from(["Patient/p1", "Encounter/e", "EpisodeOfCare/e", "Medication/m", "#m"])
REFERENCE = st.one_of(
    obj({"reference": TARGET}, display=WORD),
    obj({"identifier": obj({"value": WORD})}, type=st.just("Encounter")),
)
DAY = st.sampled_from(["2020", "2020-02", "2020-02-03", "2020-02-03T10:00:00Z"])
INSTANT = st.just("2020-02-03T10:00:00Z")
PERIOD = st.one_of(obj({"start": DAY}), obj({"end": DAY}))


def status(*words: str) -> Strategy:
    return st.sampled_from([*words, "entered-in-error", "unknown"])


INGREDIENT = st.one_of(obj({"itemCodeableConcept": CONCEPT}), obj({"itemReference": REFERENCE}))
MEDICATION = obj(
    {"resourceType": st.just("Medication"), "id": st.just("m")},
    code=CONCEPT, ingredient=some(INGREDIENT), status=st.just("active"),
)  # fmt: skip


def named(kind: str, required: dict[str, Strategy], **optional: Strategy) -> Strategy:
    """A resource of a medication, in each of the two ways that R4 has to name it."""
    ways = {"medicationCodeableConcept": CONCEPT, "medicationReference": REFERENCE}
    base = {"resourceType": st.just(kind), "subject": REFERENCE} | required
    optional |= {"contained": some(MEDICATION)}
    return st.one_of([obj(base | {name: way}, **optional) for name, way in ways.items()])


def of(kind: str, required: dict[str, Strategy], **optional: Strategy) -> Strategy:
    return obj({"resourceType": st.just(kind)} | required, **optional)


R4 = st.one_of(
    MEDICATION,
    named(
        "MedicationRequest", {"status": status("draft", "stopped"), "intent": st.just("order")},
        encounter=REFERENCE, authoredOn=DAY, requester=REFERENCE, reasonCode=some(CONCEPT),
        dosageInstruction=some(obj(timing=obj(repeat=obj(boundsPeriod=PERIOD)))),
    ),
    named(
        "MedicationStatement", {"status": status("active", "not-taken")},
        context=REFERENCE, effectivePeriod=PERIOD, dateAsserted=DAY,
    ),
    of(
        "Condition", {"subject": REFERENCE},
        clinicalStatus=CONCEPT, verificationStatus=CONCEPT, code=CONCEPT, recordedDate=DAY,
        onsetDateTime=DAY, abatementDateTime=DAY, encounter=REFERENCE, recorder=REFERENCE,
    ),
    of(
        "Procedure", {"subject": REFERENCE, "status": status("completed", "not-done")},
        code=CONCEPT, performedPeriod=PERIOD, encounter=REFERENCE,
    ),
    of(
        "AllergyIntolerance", {"patient": REFERENCE},
        clinicalStatus=CONCEPT, verificationStatus=CONCEPT, code=CONCEPT, recordedDate=DAY,
        type=st.just("allergy"), category=st.just(["medication"]), criticality=st.just("high"),
        reaction=some(obj({"manifestation": some(CONCEPT)}, substance=CONCEPT)),
    ),
    of(
        "Encounter", {"status": status("finished", "onleave"), "class": CODING},
        subject=REFERENCE, period=PERIOD, type=some(CONCEPT), serviceType=CONCEPT,
        diagnosis=some(obj({"condition": REFERENCE}, use=CONCEPT)),
    ),
    of(
        "DocumentReference",
        {"status": st.just("current"), "content": some(obj({"attachment": obj(url=st.just("x"))}))},
        subject=REFERENCE, docStatus=st.just("final"), type=CONCEPT, date=INSTANT,
        relatesTo=some(obj({"code": st.just("replaces"), "target": REFERENCE})),
        context=st.one_of(obj({"encounter": some(REFERENCE)}, period=PERIOD), obj(period=PERIOD)),
    ),
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(R4)
def test_a_valid_resource_of_r4_is_left_as_it_is(resource: dict[str, Any]) -> None:
    get_fhir_model_class(resource["resourceType"]).model_validate_json(json.dumps(resource))
    assert as_r4(resource) is resource
    assert versions_of([resource]) == ("R4",)


NAMES = st.sampled_from(sorted({row.element for rows in ROWS.values() for row in rows}))
INNER = st.sampled_from(
    "concept reference item manifestation code coding condition encounter agent end".split()
)
BODY = st.dictionaries(
    NAMES, JSON | st.lists(st.dictionaries(INNER, JSON, max_size=3), max_size=3)
    | st.dictionaries(INNER, JSON, max_size=3), max_size=6,
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(BODY, st.sampled_from(TYPES) | JSON)
@example({"serviceType": [{"concept": ""}]}, "Encounter")
def test_odd_json_never_raises_and_never_changes(body: dict[str, Any], kind: Any) -> None:
    resource = body | {"resourceType": kind}
    before = repr(resource)
    read = as_r4(resource)
    assert versions_of([resource])
    assert read.get("resourceType") is kind
    assert repr(resource) == before
