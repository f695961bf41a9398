"""Drafts of orders are written, replaced, signed and deleted; everything else is read only."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from cds_service.sandbox.app import SandboxDesk
from tests.cds_service.sandbox.sandboxes import FHIR, body_of

Resource = dict[str, Any]
ORDERS = "/fhir/MedicationRequest"


@pytest.fixture
def draft(sandbox: SandboxDesk) -> Resource:
    return dict(sandbox.patients[0].drafts[0])


@pytest.fixture
def kept(ehr: FlaskClient, draft: Resource) -> Resource:
    return body_of(ehr.post(ORDERS, json=draft), 201)


def test_a_draft_gets_an_id_a_version_and_a_place(ehr: FlaskClient, draft: Resource) -> None:
    answer = ehr.post(ORDERS, json=draft)
    created = body_of(answer, 201)
    assert answer.headers["Location"] == f"{FHIR}/MedicationRequest/{created['id']}"
    assert answer.headers["ETag"] == 'W/"1"'
    assert created["id"] != draft["id"]
    assert body_of(ehr.get(f"{ORDERS}/{created['id']}")) == created


def test_a_draft_is_signed_by_an_update(ehr: FlaskClient, kept: Resource) -> None:
    answer = ehr.put(f"{ORDERS}/{kept['id']}", json=kept | {"status": "active"})
    assert body_of(answer)["meta"]["versionId"] == "2"
    patient = kept["subject"]["reference"]
    active = body_of(ehr.get(f"{ORDERS}?patient={patient}&status=active"))
    assert kept["id"] in [one["resource"]["id"] for one in active["entry"]]
    assert body_of(ehr.delete(f"{ORDERS}/{kept['id']}"), 409)["issue"][0]["code"] == "conflict"


def test_an_update_of_an_old_version_is_refused(ehr: FlaskClient, kept: Resource) -> None:
    url = f"{ORDERS}/{kept['id']}"
    assert body_of(ehr.put(url, json=kept, headers={"If-Match": 'W/"1"'}))
    outcome = body_of(ehr.put(url, json=kept, headers={"If-Match": 'W/"1"'}), 412)
    assert 'the present version is W/"2"' in outcome["issue"][0]["diagnostics"]


def test_a_draft_may_be_created_under_an_id_of_the_client(
    ehr: FlaskClient, draft: Resource
) -> None:
    url = f"{ORDERS}/of-the-client"
    body_of(ehr.put(url, json=draft | {"id": "of-the-client"}), 201)
    assert ehr.delete(url).status_code == 204
    assert ehr.delete(url).status_code == 204
    assert body_of(ehr.get(url), 410)["issue"][0]["code"] == "deleted"
    body_of(ehr.put(url, json=draft | {"id": "of-the-client"}), 201)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"status": "active"}, 409),
        ({"status": "sideways"}, 422),
        ({"subject": None}, 422),
        ({"subject": "Patient/synthetic-65"}, 422),
        ({"subject": 5}, 422),
        ({"medicationCodeableConcept": None}, 422),
        ({"colour": "red"}, 422),
        ({"resourceType": "Patient"}, 422),
    ],
)
def test_what_is_no_draft_is_not_created(
    ehr: FlaskClient, draft: Resource, change: Resource, status: int
) -> None:
    changed = {name: one for name, one in (draft | change).items() if one is not None}
    body_of(ehr.post(ORDERS, json=changed), status)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"a": NaN}', b"[" * 5000, b"\xff", b'"x"'])
def test_what_is_no_resource_is_not_read(ehr: FlaskClient, body: bytes) -> None:
    answer = ehr.post(ORDERS, data=body, content_type="application/fhir+json")
    assert answer.status_code in (400, 422)
    body_of(answer, answer.status_code)


@pytest.mark.parametrize("resource_id", ["", "a" * 65, "a b", "a_b"])
def test_an_id_is_one_of_fhir(ehr: FlaskClient, draft: Resource, resource_id: str) -> None:
    answer = ehr.put(f"{ORDERS}/{resource_id}", json=draft | {"id": resource_id})
    assert answer.status_code in (404, 405, 422)


def test_the_rest_of_a_chart_is_read_only(ehr: FlaskClient) -> None:
    patient = body_of(ehr.get("/fhir/Patient/synthetic-65"))
    outcome = body_of(ehr.put("/fhir/Patient/synthetic-65", json=patient), 400)
    assert "the rest is read only" in outcome["issue"][0]["diagnostics"]
    body_of(ehr.delete("/fhir/Patient/synthetic-65"), 400)
    body_of(ehr.patch("/fhir/Patient/synthetic-65"), 405)


def test_a_browser_of_another_place_may_ask_first(ehr: FlaskClient) -> None:
    headers = {
        "Origin": "https://sandbox.cds-hooks.org",
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    answer = ehr.options(f"{ORDERS}/1", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "PUT" in answer.headers["Access-Control-Allow-Methods"]
    assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in answer.headers
