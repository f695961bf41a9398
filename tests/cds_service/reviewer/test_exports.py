"""The page of exports: a file for the compliance role alone, and an event before it is given."""

import json
from hashlib import sha256

import pytest
from fhir.resources.R4B.auditevent import AuditEvent
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cds_service.audit.log import AuditLog
from cds_service.keys.service import KeyService
from cds_service.reviewer.roles import ROLES
from cds_service.reviewer.views import exports
from tests.cds_service.audit.export_fixtures import fill_with_every_kind
from tests.cds_service.audit.test_entries import decision
from tests.cds_service.reviewer.signing_in import CSRF, SignIn

pytest_plugins = [
    "tests.cds_service.audit_fixtures",
    "tests.cds_service.reviewer.review_fixtures",
]

PURPOSE = "the yearly review"


@pytest.fixture
def client(signed_in: SignIn) -> FlaskClient:
    return signed_in("compliance")


def ask(client: FlaskClient, form: str, **more: str) -> TestResponse:
    data = {"csrf": CSRF, "format": form, "purpose": PURPOSE} | more
    return client.post("/review/exports", data=data, buffered=True)


def test_a_file_is_given_once_its_event_is_written(
    client: FlaskClient, audit_log: AuditLog, audit_url: str, audit_keys: KeyService
) -> None:
    fill_with_every_kind(audit_log, audit_url, audit_keys)
    answer = ask(client, "auditevent")
    for line in answer.data.splitlines():
        AuditEvent.model_validate(json.loads(line))
    assert answer.headers["Content-Disposition"] == "attachment; filename=audit-auditevent.ndjson"
    assert answer.headers["Content-Type"] == "application/fhir+ndjson"
    body = audit_log.find_event(audit_log.list_events(limit=1)[0].event_id).body
    assert (body["page"], body["rows"], body["purpose"]) == ("exports", 9, PURPOSE)
    assert (body["user"], body["sha256"]) == (
        "account/compliance", sha256(answer.data).hexdigest()
    )  # fmt: skip


def test_the_ids_of_patients_are_in_it_only_when_asked_for(
    client: FlaskClient, audit_log: AuditLog
) -> None:
    audit_log.append_decision(decision())
    assert b"patient-1" not in ask(client, "csv").data
    assert b"patient-1" in ask(client, "csv", with_patients="1").data
    newest = audit_log.find_event(audit_log.list_events(limit=1)[0].event_id)
    assert newest.body["filters"] == {"format": "csv", "with_patients": True}


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"purpose": " "}, "say what the export is for"),
        ({"format": "xml"}, "choose a format"),
        ({"since": "yesterday"}, "since is no day"),
        ({"since": "2026-02-02", "until": "2026-02-01"}, "name the earlier day first"),
        ({"format": "bundle", "since": "2026-02-02"}, "a bundle is of the whole log"),
    ],
)
def test_what_cannot_be_exported_is_told(
    client: FlaskClient, audit_log: AuditLog, wrong: dict[str, str], why: str
) -> None:
    answer = ask(client, "csv", **wrong)
    assert (answer.status_code, why in answer.text) == (400, True)
    assert audit_log.list_events() == []


@pytest.mark.parametrize("role", sorted(set(ROLES) - {"compliance"}))
def test_other_roles_get_nothing_and_that_is_an_event(
    signed_in: SignIn, audit_log: AuditLog, role: str
) -> None:
    assert ask(signed_in(role), "csv").status_code == 403
    assert audit_log.list_events()[0].outcome == "denied"


def test_the_form_is_a_page(client: FlaskClient) -> None:
    page = client.get("/review/exports").text
    assert page.count("<label for=") == 5
    assert f"{exports.MOST:,} events" in page
