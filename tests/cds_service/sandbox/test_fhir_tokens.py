"""What a token covers, and no more: scopes of both versions, one patient or all."""

import pytest
from flask.testing import FlaskClient

from cds_service.sandbox.app import SandboxDesk
from cds_service.sandbox.smart.sessions import Launch, Session
from tests.cds_service.sandbox.sandboxes import body_of

MINE, OTHER = "synthetic-65", "synthetic-29"
ORDERS = "/fhir/MedicationRequest"


def headers(sandbox: SandboxDesk, *scopes: str, seconds: float = 300) -> dict[str, str]:
    launch = Launch(patient=MINE, user="Practitioner/sandbox-physician")
    session = Session(client_id="browser-app", scopes=scopes, launch=launch)
    return {"Authorization": f"Bearer {sandbox.smart.access_token(session, seconds)}"}


@pytest.mark.parametrize(
    ("scope", "query", "status"),
    [
        ("patient/Condition.rs", "Condition", 200),
        ("patient/Condition.read", "Condition", 200),
        ("patient/*.rs", "Condition", 200),
        ("user/*.*", "Condition", 200),
        ("system/Condition.s", "Condition", 200),
        ("patient/Condition.r", "Condition", 403),
        ("patient/Condition.write", "Condition", 403),
        ("patient/Observation.rs", "Condition", 403),
        ("patient/Condition.sr", "Condition", 403),  # the letters have an order
        ("patient/Condition.", "Condition", 403),
        ("openid", "Condition", 403),
        ("patient/Condition.r", "Condition/synthetic-65-v1-c1", 200),
        ("patient/Condition.s", "Condition/synthetic-65-v1-c1", 403),
        ("patient/Condition.r", "Condition/synthetic-29-v1-c1", 403),
        ("user/Condition.r", "Condition/synthetic-29-v1-c1", 200),
        ("patient/*.r", f"Patient/{OTHER}", 403),
        ("patient/*.r", "Practitioner/sandbox-physician", 200),
        ("patient/*.r", "Binary/synthetic-5-v2-d1", 403),
        ("user/*.r", "Binary/synthetic-5-v2-d1", 200),
    ],
)
def test_a_scope_covers_what_it_says(
    ehr: FlaskClient, sandbox: SandboxDesk, scope: str, query: str, status: int
) -> None:
    body_of(ehr.get(f"/fhir/{query}", headers=headers(sandbox, scope)), status)


@pytest.mark.parametrize("query", ["Condition", f"Condition?patient={OTHER}", "Binary", "Patient"])
def test_a_search_finds_the_patient_of_the_token_alone(
    ehr: FlaskClient, sandbox: SandboxDesk, query: str
) -> None:
    bundle = body_of(ehr.get(f"/fhir/{query}", headers=headers(sandbox, "patient/*.rs")))
    assert bundle["total"] == len(bundle.get("entry", ()))
    for entry in bundle.get("entry", ()):
        assert MINE in str(entry["resource"])
        assert OTHER not in str(entry["resource"])


def test_nothing_is_included_that_no_scope_covers(ehr: FlaskClient, sandbox: SandboxDesk) -> None:
    query = "/fhir/Condition?_include=Condition:patient"
    bundle = body_of(ehr.get(query, headers=headers(sandbox, "patient/Condition.rs")))
    assert {one["resource"]["resourceType"] for one in bundle["entry"]} == {"Condition"}


def test_an_app_writes_for_its_patient_alone(ehr: FlaskClient, sandbox: SandboxDesk) -> None:
    may = headers(sandbox, "patient/MedicationRequest.cud")
    draft = dict(sandbox.patients[0].drafts[0])
    of_other = draft | {"subject": {"reference": f"Patient/{OTHER}"}}
    mine = body_of(ehr.post(ORDERS, json=draft, headers=may), 201)
    others = body_of(ehr.post(ORDERS, json=of_other), 201)
    body_of(ehr.post(ORDERS, json=of_other, headers=may), 403)
    body_of(
        ehr.put(f"{ORDERS}/{others['id']}", json=draft | {"id": others["id"]}, headers=may), 403
    )
    body_of(ehr.delete(f"{ORDERS}/{others['id']}", headers=may), 403)
    assert ehr.delete(f"{ORDERS}/{mine['id']}", headers=may).status_code == 204


@pytest.mark.parametrize("scope", ["patient/*.rs", "patient/MedicationRequest.c"])
def test_who_may_not_write_does_not(ehr: FlaskClient, sandbox: SandboxDesk, scope: str) -> None:
    draft = dict(sandbox.patients[0].drafts[0])
    may = headers(sandbox, scope)
    body_of(ehr.put(f"{ORDERS}/{draft['id']}", json=draft, headers=may), 403)
    body_of(ehr.delete(f"{ORDERS}/{draft['id']}", headers=may), 403)


@pytest.mark.parametrize("header", ["Bearer nonsense", "Bearer ", "Basic eDp5", "nonsense"])
def test_a_token_that_is_none_is_refused(ehr: FlaskClient, header: str) -> None:
    answer = ehr.get("/fhir/Patient", headers={"Authorization": header})
    assert body_of(answer, 401)["issue"][0]["code"] == "login"
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_token_ends(ehr: FlaskClient, sandbox: SandboxDesk) -> None:
    ended = headers(sandbox, "user/*.rs", seconds=-1)
    outcome = body_of(ehr.get("/fhir/Patient", headers=ended), 401)
    assert "unknown or expired" in outcome["issue"][0]["diagnostics"]
