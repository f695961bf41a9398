"""Searches, each held against a plain filter written here."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from flask.testing import FlaskClient

from cds_service.hooks.discovery import PREFETCH, resolve_template
from cds_service.sandbox.app import SandboxDesk
from tests.cds_service.sandbox.sandboxes import FHIR, body_of

Resource = dict[str, Any]
WHO = "synthetic-29"
PATIENTS = [f"synthetic-{number}" for number in (29, 174, 5, 234)]


def found(ehr: FlaskClient, query: str) -> list[Resource]:
    """Every match of a search, page by page."""
    url: str | None = f"/fhir/{query}"
    matches: list[Resource] = []
    while url is not None:
        bundle = body_of(ehr.get(url))
        matches += [one["resource"] for one in bundle.get("entry", ())]
        further = [one["url"] for one in bundle["link"] if one["relation"] == "next"]
        url = further[0] if further else None
    assert bundle["total"] == len(matches)
    return matches


def ids(resources: list[Resource]) -> list[str]:
    return [one["id"] for one in resources]


def is_of(patient: str) -> Callable[[Resource], bool]:
    reference = f"Patient/{patient}"
    return lambda one: (
        reference
        in (
            one.get("subject", {}).get("reference"),
            one.get("patient", {}).get("reference"),
        )
    )


def has_code(one: Resource, element: str, *codes: str) -> bool:
    concepts = one.get(element, [])
    concepts = concepts if isinstance(concepts, list) else [concepts]
    return any(coding["code"] in codes for each in concepts for coding in each.get("coding", ()))


MEANT: dict[str, tuple[Callable[[Resource], bool], str | None]] = {  # what counts, sorted by
    "conditions": (lambda one: True, None),
    "procedures": (lambda one: True, "performedDateTime"),
    "documents": (lambda one: one["status"] == "current", "date"),
    "allergies": (lambda one: True, None),
    "medications": (lambda one: one["status"] == "active", None),
    "statements": (lambda one: one["status"] == "active", None),
    "past_medications": (lambda one: one["status"] in ("completed", "stopped"), "authoredOn"),
    "encounters": (lambda one: True, "period"),
    "labs": (lambda one: has_code(one, "category", "laboratory"), "effectiveDateTime"),
    "pregnancy": (lambda one: has_code(one, "code", "82810-3", "11778-8"), "effectiveDateTime"),
}


@pytest.mark.parametrize("patient", PATIENTS)
@pytest.mark.parametrize("wanted", PREFETCH[1:], ids=[one.key for one in PREFETCH[1:]])
def test_a_prefetch_query_finds_what_a_plain_filter_finds(
    ehr: FlaskClient, sandbox: SandboxDesk, wanted: Any, patient: str
) -> None:
    counts, sorted_by = MEANT[wanted.key]
    of_patient = filter(is_of(patient), sandbox.store.all_of(wanted.resource_type))
    expected = [one for one in of_patient if counts(one)]
    matches = found(ehr, resolve_template(wanted.template, {"patientId": patient}))
    assert sorted(ids(matches)) == sorted(ids(expected))
    if sorted_by == "period":
        starts = [one["period"]["start"] for one in matches]
        assert starts == sorted(starts, reverse=True)
    elif sorted_by:
        dates = [one.get(sorted_by, "") for one in matches]
        assert dates == sorted(dates, reverse=True)


def test_some_patient_has_something_for_each_query(sandbox: SandboxDesk) -> None:
    for wanted in PREFETCH[1:]:
        if wanted.key != "medications":  # charts have statements; active orders are signed drafts
            counts, _ = MEANT[wanted.key]
            assert any(map(counts, sandbox.store.all_of(wanted.resource_type))), wanted.key


@pytest.mark.parametrize("wanted", PREFETCH[1:], ids=[one.key for one in PREFETCH[1:]])
def test_post_finds_what_get_finds(ehr: FlaskClient, wanted: Any) -> None:
    url = urlsplit(resolve_template(wanted.template, {"patientId": WHO}))
    by_get = body_of(ehr.get(f"/fhir/{url.path}?{url.query}"))
    by_post = body_of(ehr.post(f"/fhir/{url.path}/_search", data=dict(parse_qsl(url.query))))
    assert by_post == by_get


def test_a_search_is_read_page_by_page(ehr: FlaskClient, sandbox: SandboxDesk) -> None:
    matches = found(ehr, f"Condition?patient={WHO}&_count=2&_sort=-recorded-date")
    assert ids(matches) == ids(found(ehr, f"Condition?patient={WHO}&_sort=-recorded-date"))
    assert len(matches) == sum(map(is_of(WHO), sandbox.store.all_of("Condition"))) > 2


@pytest.mark.parametrize(
    ("query", "counts"),
    [
        ("date=ge2026-11-25", lambda one: one["period"]["start"] >= "2026-11-25"),
        ("date=lt2026", lambda one: one["period"]["start"] < "2026"),
        ("date=2026-11-25", lambda one: one["status"] == "never"),  # under way: has no end
        ("status:not=finished", lambda one: one["status"] != "finished"),
        ("status=finished,in-progress", lambda one: True),
        ("status=finished&status=in-progress", lambda one: False),
        ("class=IMP", lambda one: one["class"]["code"] == "IMP"),
        ("type:missing=true", lambda one: "type" not in one),
        ("subject=Patient/synthetic-29", is_of(WHO)),
        (urlencode({"patient": f"{FHIR}/Patient/{WHO}"}), is_of(WHO)),
        ("_id=synthetic-29-v1-e", lambda one: one["id"] == "synthetic-29-v1-e"),
    ],
)
def test_a_parameter_means_what_fhir_says(
    ehr: FlaskClient, sandbox: SandboxDesk, query: str, counts: Callable[[Resource], bool]
) -> None:
    expected = [one for one in sandbox.store.all_of("Encounter") if counts(one)]
    assert sorted(ids(found(ehr, f"Encounter?{query}"))) == sorted(ids(expected))


@pytest.mark.parametrize(
    "query", ["name=clara", "family=Du", "identifier=MRN-000039", "birthdate=lt1967&name=Clara"]
)
def test_a_patient_is_found_by_name_and_number(ehr: FlaskClient, query: str) -> None:
    assert [one["name"][0]["text"] for one in found(ehr, f"Patient?{query}")] == ["Clara Dunn"]


def test_what_is_included_comes_beside_the_matches(ehr: FlaskClient) -> None:
    query = f"MedicationRequest?patient={WHO}&_include=MedicationRequest:patient"
    bundle = body_of(ehr.get(f"/fhir/{query}&_include=MedicationRequest:encounter"))
    included = [one for one in bundle["entry"] if one["search"]["mode"] == "include"]
    kinds = {one["resource"]["resourceType"] for one in included}
    assert kinds == {"Patient", "Encounter"}
    assert bundle["total"] == len(bundle["entry"]) - len(included)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("Observation?date=soon", 400),
        ("Observation?_count=many", 400),
        ("Observation?_sort=colour", 400),
        ("Observation?_include=Observation:device", 400),
        ("Observation?code:text=x", 400),
        ("Observation?subject.name=Clara", 400),
        ("Device?patient=1", 400),
        ("Patient/nobody", 404),
        ("Patient/a/b/c", 404),
    ],
)
def test_what_is_not_there_is_told_as_an_outcome(ehr: FlaskClient, query: str, status: int) -> None:
    answer = ehr.get(f"/fhir/{query}")
    assert body_of(answer, status)["resourceType"] == "OperationOutcome"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_unknown_parameters_are_left_out_or_refused_as_asked(ehr: FlaskClient) -> None:
    bundle = body_of(ehr.get("/fhir/Patient?colour=red&name=Clara"))
    assert "colour" not in bundle["link"][0]["url"]
    strict = ehr.get("/fhir/Patient?colour=red", headers={"Prefer": "handling=strict"})
    assert "not known here" in body_of(strict, 400)["issue"][0]["diagnostics"]


def test_a_form_of_another_kind_does_not_find_everything(ehr: FlaskClient) -> None:
    answer = ehr.post("/fhir/Patient/_search", json={"name": "Clara"})
    assert "x-www-form-urlencoded" in body_of(answer, 415)["issue"][0]["diagnostics"]


def test_the_capabilities_name_every_query_of_the_service(ehr: FlaskClient) -> None:
    statement = body_of(ehr.get("/fhir/metadata"))
    known = {
        one["type"]: {parameter["name"] for parameter in one["searchParam"]}
        for one in statement["rest"][0]["resource"]
    }
    for wanted in PREFETCH[1:]:
        asked = dict(parse_qsl(urlsplit(wanted.template).query))
        assert {name for name in asked if name not in ("_sort", "_count")} <= known[
            wanted.resource_type
        ]


def test_a_note_behind_a_url_can_be_read(ehr: FlaskClient, sandbox: SandboxDesk) -> None:
    notes = found(ehr, "DocumentReference?patient=synthetic-5&status=current")
    where = notes[0]["content"][0]["attachment"]["url"]
    binary = body_of(ehr.get(f"/fhir/{where}"))
    assert binary["contentType"].startswith("text/plain")
    assert binary["securityContext"] == {"reference": "Patient/synthetic-5"}
    assert binary["data"]
