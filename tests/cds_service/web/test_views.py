import json
import re
from typing import Any

import pytest
from fhir.resources.R4B.operationoutcome import OperationOutcome
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cds_service.errors import AuditUnavailable
from tests.calls import HOOK_INSTANCE, context_of, hook_call
from tests.fakes import FakeDecide, FakeRecorder

URL = "/cds-services/lamo-order-sign"


def outcome(answer: TestResponse) -> str:
    body = answer.get_json()
    assert body["resourceType"] == "OperationOutcome"
    assert answer.headers["X-Request-Id"]
    return str(body["issue"][0]["diagnostics"])


def test_a_good_call_is_answered_with_cards(client: FlaskClient, decide: FakeDecide) -> None:
    decide.cards = [{"uuid": "u", "summary": "s"}]
    answer = client.post(URL, json=hook_call())
    assert (answer.status_code, answer.get_json()) == (200, {"cards": decide.cards})
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/cds-services//lamo-order-sign", URL])
def test_a_base_url_that_ends_in_a_slash_is_understood(client: FlaskClient, path: str) -> None:
    assert client.post(path, json=hook_call()).status_code == 200


def test_an_unknown_service_is_404(client: FlaskClient, recorder: FakeRecorder) -> None:
    answer = client.post("/cds-services/nobody", json=hook_call())
    assert answer.status_code == 404
    assert "the services are lamo-order-select" in outcome(answer)
    assert recorder.errors[0].service_id is None


def test_a_refused_call_is_recorded_with_what_is_known_of_it(
    client: FlaskClient, decide: FakeDecide, recorder: FakeRecorder
) -> None:
    decide.failure = ValueError("the name is Quill")
    answer = client.post(URL, json=hook_call(), headers={"X-Request-Id": "abc-1"})
    assert answer.status_code == 500
    assert "request id abc-1" in outcome(answer)
    assert "Quill" not in answer.text
    (entry,) = recorder.errors
    assert (entry.hook_instance, entry.status, entry.code) == (HOOK_INSTANCE, 500, "ValueError")


def test_a_decision_that_could_not_be_recorded_is_503(
    client: FlaskClient, decide: FakeDecide
) -> None:
    decide.failure = AuditUnavailable()
    answer = client.post(URL, json=hook_call())
    assert answer.status_code == 503
    assert "no card leaves" in outcome(answer)


def test_a_refusal_is_answered_even_when_it_cannot_be_recorded(
    client: FlaskClient, recorder: FakeRecorder
) -> None:
    recorder.is_down = True
    assert client.post(URL, json={}).status_code == 400


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", None])
def test_a_body_that_is_not_announced_as_json_is_415(
    client: FlaskClient, content_type: str | None
) -> None:
    answer = client.post(URL, data=json.dumps(hook_call()), content_type=content_type)
    assert answer.status_code == 415
    assert "wanted application/json" in outcome(answer)


def test_a_body_over_the_limit_is_413(client: FlaskClient) -> None:
    client.application.config["MAX_CONTENT_LENGTH"] = 100
    answer = client.post(URL, json=hook_call())
    assert answer.status_code == 413
    assert "max_body_bytes" in outcome(answer)


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_other_methods_are_405_with_allow(client: FlaskClient, method: str) -> None:
    answer = client.open(URL, method=method)
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]
    assert "use one of" in outcome(answer)


def test_errors_repeat_nothing_of_the_request(client: FlaskClient) -> None:
    context = context_of(patientId="Quill Marta", userId=7)
    assert "Quill" not in client.post(URL, json=hook_call(context=context)).text


@pytest.mark.parametrize(("offered", "outcome_id"), [("abc-1.2", "abc-1.2"), ("abc_1", None)])
def test_an_error_carries_the_id_of_its_request(
    client: FlaskClient, offered: str, outcome_id: str | None
) -> None:
    """As the id of the OperationOutcome where FHIR takes it for one, else in words."""
    body = client.post(URL, json={}, headers={"X-Request-Id": offered}).get_json()
    OperationOutcome.model_validate(body)
    assert body.get("id") == outcome_id
    assert (f"(request id {offered})" in body["issue"][0]["diagnostics"]) == (outcome_id is None)


def test_an_error_points_at_the_member_at_fault(client: FlaskClient) -> None:
    body = client.post(URL, json=hook_call(context=context_of(patientId=...))).get_json()
    assert body["issue"][0]["expression"] == ["context.patientId"]
    assert "expression" not in client.post(URL, json=[]).get_json()["issue"][0]


@pytest.mark.parametrize("offered", ["x" * 65, "a b", "a\x1b[31m", ""])
def test_a_strange_request_id_is_replaced(client: FlaskClient, offered: str) -> None:
    answer = client.get("/livez", headers={"X-Request-Id": offered})
    assert answer.headers["X-Request-Id"] not in ("", offered)


def test_the_landing_page_says_what_this_is(client: FlaskClient) -> None:
    page = client.get("/").text
    assert "Not for clinical use" in page
    assert "http://127.0.0.1:8080/cds-services" in page


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("http://localhost:8180", True),
        ("http://127.0.0.1:9", True),
        ("https://sandbox.cds-hooks.org", True),
        ("https://attacker.invalid", False),
        ("http://localhost.attacker.invalid:80", False),
        ("http://localhost:80.attacker.invalid", False),
        ("null", False),
    ],
)
def test_only_named_origins_may_call(client: FlaskClient, origin: str, allowed: bool) -> None:
    headers: dict[str, Any] = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    for answer in (client.options(URL, headers=headers), client.post(URL, headers=headers)):
        assert answer.headers.get("Access-Control-Allow-Origin") == (origin if allowed else None)
        assert "Access-Control-Allow-Credentials" not in answer.headers
    assert client.options(URL, headers=headers).status_code == 200


def test_an_answer_tells_how_long_each_stage_took(client: FlaskClient) -> None:
    told = client.post(URL, json=hook_call()).headers["Server-Timing"]
    assert re.fullmatch(r"token;dur=\d+\.\d, json;dur=\d+\.\d, total;dur=\d+\.\d", told)


def test_browsers_find_an_icon(client: FlaskClient) -> None:
    answer = client.get("/favicon.ico")
    assert (answer.status_code, answer.mimetype) == (200, "image/svg+xml")
