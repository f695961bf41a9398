"""What the pages say when the service fails, and what strangers can do to them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from cds_service.sandbox.app import create_sandbox
from cds_service.sandbox.ehr.desk import EhrDesk
from fhir_mappings.outcome import operation_outcome
from tests.cds_service.sandbox.ehr.trying import behind, text_of
from tests.cds_service.sandbox.sandboxes import BASE, open_on
from tests.hanging import silent_server
from tests.served import free_port

LISTED = {"services": [{"id": "s", "hook": "patient-view"}, {"id": "f", "hook": "order-sign"}]}
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"


def ehr_in_front_of(url: str, seconds: tuple[float, float] = (60.0, 60.0)) -> FlaskClient:
    desk = open_on(BASE)
    app = create_sandbox(desk)
    ehr: EhrDesk = app.extensions["ehr"]
    client = replace(ehr.client, url=url, public_url=url, timeouts_s=seconds)
    app.extensions["ehr"] = replace(ehr, client=client)
    return app.test_client()


def opened(ehr: FlaskClient) -> str:
    """The first patient's chart, once patient-view has been fired."""
    patient = ehr.application.extensions["ehr"].patients[0].patient_id
    came = ehr.post(f"/ehr/charts/{patient}/open", follow_redirects=True)
    assert came.status_code == 200
    return text_of(came.text)


@contextmanager
def odd_service(
    status: int, body: Any, headers: Mapping[str, str] | None = None
) -> Iterator[FlaskClient]:
    """An EHR whose service lists hooks, and answers each in this way."""
    service, port = Flask("odd"), free_port()
    service.add_url_rule("/cds-services", "list", lambda: LISTED)
    service.add_url_rule(
        "/cds-services/s", "call", lambda: (body, status, dict(headers or {})), methods=["POST"]
    )
    with behind(port, service):
        yield ehr_in_front_of(f"http://127.0.0.1:{port}")


@pytest.mark.parametrize(
    ("status", "code", "told"),
    [
        (412, "incomplete", "prefetch.patient is missing: send it"),
        (503, "transient", "the audit database did not do its part in time"),
    ],
)
def test_a_refusal_is_told_with_what_the_service_says_of_it(
    status: int, code: str, told: str
) -> None:
    outcome = operation_outcome("error", code, told, expression=["prefetch.patient"])
    with odd_service(status, outcome, {"Retry-After": "1"}) as ehr:
        page = opened(ehr)
    assert f"the service answered {status}" in page
    assert f"error {code} at prefetch.patient : {told}" in page.replace("patient:", "patient :")
    assert "Retry-After: 1" in page


def test_an_answer_that_is_no_json_is_told_as_such() -> None:
    with odd_service(200, HOSTILE) as ehr:
        assert "a body that is no JSON object" in opened(ehr)


def test_a_service_that_is_down_is_told_with_what_to_do() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    ehr = ehr_in_front_of(url)
    page = opened(ehr)
    assert f"The service does not answer: nothing answers at {url}" in page
    assert "The sandbox starts its service again" in page
    assert f"nothing answers at {url}" in text_of(ehr.get("/").text)


def test_a_service_that_does_not_answer_is_waited_for_only_so_long() -> None:
    with silent_server() as host:
        assert "did not answer within 0.3 s" in opened(
            ehr_in_front_of(f"http://{host}", (60.0, 0.3))
        )


def test_orders_are_signed_all_the_same_when_the_service_is_down() -> None:
    ehr = ehr_in_front_of(f"http://127.0.0.1:{free_port()}")
    url = f"/ehr/charts/{ehr.application.extensions['ehr'].patients[0].patient_id}"
    for path, form in (("select", {"trial": "0"}), ("sign", {}), ("sign/confirm", {})):
        page = ehr.post(f"{url}/{path}", data=form, follow_redirects=True).text
    assert "1 order is signed and active" in page


def test_a_hook_that_discovery_does_not_list_is_told() -> None:
    with odd_service(200, {"cards": []}) as ehr:
        patient = ehr.application.extensions["ehr"].patients[0].patient_id
        page = ehr.post(f"/ehr/charts/{patient}/discharge", follow_redirects=True).text
    assert "discovery lists no service for the hook encounter-discharge" in page


def test_texts_of_charts_and_cards_are_shown_and_never_run() -> None:
    card = {
        "uuid": "u1",
        "summary": HOSTILE,
        "detail": HOSTILE,
        "indicator": HOSTILE,
        "source": {"label": HOSTILE, "topic": {"display": HOSTILE}, "url": "javascript:alert(1)"},
        "suggestions": [{"label": HOSTILE, "uuid": HOSTILE, "actions": []}],
        "overrideReasons": [{"code": HOSTILE, "display": HOSTILE}],
        "links": [{"label": HOSTILE, "url": "javascript:alert(1)", "type": "absolute"}],
    }
    with odd_service(200, {"cards": [card]}) as ehr:
        found: EhrDesk = ehr.application.extensions["ehr"]
        patient = replace(found.patients[0], name=HOSTILE, shows=HOSTILE, mrn=HOSTILE)
        ehr.application.extensions["ehr"] = replace(found, patients=[patient])
        page = ehr.post(f"/ehr/charts/{patient.patient_id}/open", follow_redirects=True).text
    assert "<script>alert" not in page
    assert "<img" not in page
    assert 'href="javascript' not in page
    assert page.count("&lt;script&gt;") > 8


def test_pages_take_scripts_and_styles_of_their_own_alone() -> None:
    ehr = ehr_in_front_of(f"http://127.0.0.1:{free_port()}")
    came = ehr.get("/")
    assert "script-src 'self'; style-src 'self'" in came.headers["Content-Security-Policy"]
    assert "style=" not in came.text
    assert "onclick" not in came.text
    for path in ("shared/review.css", "shared/htmx.min.js", "static/ehr.css"):
        with ehr.get(f"/ehr/{path}") as file:
            assert file.status_code == 200
    assert ehr.get("/ehr/shared/door.py").status_code == 404


def test_a_form_of_another_site_changes_nothing() -> None:
    ehr = ehr_in_front_of(f"http://127.0.0.1:{free_port()}")
    sent = ehr.post("/ehr/sitting", headers={"Origin": "https://elsewhere.example"})
    assert sent.status_code == 403
    assert ehr.application.extensions["ehr"].sitting.sends_prefetch is True


@pytest.mark.parametrize(
    ("path", "status", "told"),
    [
        ("/nowhere", 404, "There is nothing at this address"),
        ("/auth/nowhere", 404, "There is nothing at this address"),
        ("/ehr/sitting", 405, "the address of a button"),
        ("/auth/token", 405, "the address of a button"),
    ],
)
def test_an_address_that_is_none_is_told_on_a_page_of_the_sandbox(
    path: str, status: int, told: str
) -> None:
    came = ehr_in_front_of(f"http://127.0.0.1:{free_port()}").get(path)
    assert came.status_code == status
    assert told in (page := text_of(came.text))
    assert "To the list of patients" in page
    assert "script-src 'self'" in came.headers["Content-Security-Policy"]
    assert ("POST" in came.headers.get("Allow", "")) == (status == 405)


def test_the_name_of_another_host_is_refused() -> None:
    ehr = ehr_in_front_of(f"http://127.0.0.1:{free_port()}")
    assert ehr.get("/", headers={"Host": "elsewhere.example"}).status_code == 400


@pytest.mark.parametrize("path", ["open", "orders/none/stop", "cards/none/accept"])
def test_a_patient_that_is_none_is_not_found(path: str) -> None:
    ehr = ehr_in_front_of(f"http://127.0.0.1:{free_port()}")
    assert ehr.post(f"/ehr/charts/nobody/{path}").status_code == 404
