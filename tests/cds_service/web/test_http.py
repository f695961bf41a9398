"""The addresses as HTTP has them: methods, encodings, queries (RFC 9110), refusals in FHIR."""

import pytest
from flask.testing import FlaskClient

from tests.calls import hook_call
from tests.fakes import FakeDecide

SERVICE, FEEDBACK = "/cds-services/lamo-order-sign", "/cds-services/lamo-order-sign/feedback"


@pytest.mark.parametrize(
    ("path", "method", "allowed"),
    [
        ("/cds-services", "POST", {"GET", "HEAD", "OPTIONS"}),
        ("/cds-services", "DELETE", {"GET", "HEAD", "OPTIONS"}),
        *[(SERVICE, method, {"POST", "OPTIONS"}) for method in ("GET", "HEAD", "PUT", "TRACE")],
        *[(FEEDBACK, method, {"POST", "OPTIONS"}) for method in ("GET", "PATCH", "DELETE")],
    ],
)
def test_another_method_is_refused_with_those_that_are_taken(
    client: FlaskClient, path: str, method: str, allowed: set[str]
) -> None:
    answer = client.open(path, method=method)
    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == allowed


def test_head_is_get_without_a_body(client: FlaskClient) -> None:
    whole, head = client.get("/cds-services"), client.head("/cds-services")
    assert (head.status_code, head.data) == (200, b"")
    assert head.headers["Content-Length"] == whole.headers["Content-Length"]


@pytest.mark.parametrize("path", ["/cds-services", SERVICE, FEEDBACK])
def test_options_says_what_is_taken(client: FlaskClient, path: str) -> None:
    answer = client.options(path)
    assert (answer.status_code, answer.data) == (200, b"")
    assert ("POST" in answer.headers["Allow"]) == (path != "/cds-services")


@pytest.mark.parametrize(
    "path", [f"{SERVICE}?hook=patient-view", "/cds-services/lamo%2Dorder%2Dsign"]
)
def test_a_query_says_nothing_and_an_encoded_letter_is_the_letter(
    client: FlaskClient, decide: FakeDecide, path: str
) -> None:
    assert client.post(path, json=hook_call()).status_code == 200
    assert decide.calls[0].hook == "order-sign"


def test_a_query_of_discovery_changes_nothing(client: FlaskClient) -> None:
    assert client.get("/cds-services?_format=xml").data == client.get("/cds-services").data


@pytest.mark.parametrize(
    "path",
    [
        f"{SERVICE}/",
        f"{FEEDBACK}/",
        f"{SERVICE};v=1",
        "/cds-services/Lamo-Order-Sign",
        "/cds-services/%2e%2e%2fetc%2fpasswd",
        "/cds-services/..%2flamo-order-sign",
        "/cds-services/lamo-order-sign%00",
        "/cds-services/lamo-order-sign%0d%0aX: y",
        "/cds-services/%ff",
    ],
)
def test_a_service_has_one_address(client: FlaskClient, path: str) -> None:
    """A token names the address that is called, so there is no second spelling of it."""
    answer = client.post(path, json=hook_call())
    assert answer.status_code == 404
    assert answer.get_json()["resourceType"] == "OperationOutcome"
    assert "passwd" not in answer.text


@pytest.mark.parametrize("header", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
def test_a_method_in_a_header_overrides_nothing(client: FlaskClient, header: str) -> None:
    assert client.post(SERVICE, json=hook_call(), headers={header: "DELETE"}).status_code == 200
    assert client.get(SERVICE, headers={header: "POST"}).status_code == 405
