"""Opening the evidence app from an EHR, over HTTP, the right way and every wrong one."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
import structlog
from flask.testing import FlaskClient

from cds_service.logs import hold_back_strings
from cds_service.smart.cookies import MOST_UNDER_WAY
from cds_service.smart.desk import SmartDesk
from tests.cds_service.smart.ehrs import SCRIPT
from tests.cds_service.smart.hospitals import NAME, Clock, Hospital


def refused(answer: Any, why: str, logs: list[Any], status: int = 400) -> None:
    """See that a browser was told little, and the operator why."""
    assert answer.status_code == status
    assert "Nothing to show" in answer.text
    printed = [hold_back_strings(None, "", one) for one in logs]
    told = [one["why"] for one in printed if one["event"] == "smart_refused"]
    assert any(why in one for one in told), told


def test_a_card_opens_its_evidence_in_the_app(browser: FlaskClient, hospital: Hospital) -> None:
    (link, _) = hospital.decides()[0]["links"]
    assert link["type"] == "smart"
    assert link["appContext"] == hospital.newest()
    launch = hospital.ehr.launch(link["appContext"], hospital.patient(), link["url"])
    answer = hospital.comes_back(browser, launch)
    page = browser.get(answer.headers["Location"])
    assert page.status_code == 200
    assert hospital.ehr.desk.patients[0].name in page.text


def test_what_is_asked_of_the_ehr_is_little_and_good_once(
    browser: FlaskClient, hospital: Hospital
) -> None:
    sent = [browser.get(hospital.ehr.launch("x", "p1").split("localhost")[1]) for _ in "ab"]
    first, second = (dict(parse_qsl(urlsplit(one.headers["Location"]).query)) for one in sent)
    assert first["aud"] == hospital.ehr.base
    assert first["code_challenge_method"] == "S256"
    assert {"launch", "openid", "fhirUser", "patient/Patient.r"} <= set(first["scope"].split())
    assert not any(one.endswith((".*", ".cruds")) or "*" in one for one in first["scope"].split())
    for once in ("state", "nonce", "code_challenge"):
        assert first[once] != second[once]


def test_an_unknown_fhir_server_is_never_asked(
    browser: FlaskClient, fhir_server: Any, smart_desk: SmartDesk
) -> None:
    with structlog.testing.capture_logs() as logs:
        answer = browser.get("/smart/launch", query_string={"iss": fhir_server.base, "launch": "x"})
    refused(answer, "iss is of no client", logs)
    assert fhir_server.asked == []


def test_a_disabled_client_launches_nothing(
    browser: FlaskClient, hospital: Hospital, smart_desk: SmartDesk
) -> None:
    smart_desk.registry.set_disabled(NAME, disabled=True)
    with structlog.testing.capture_logs() as logs:
        answer = browser.get(
            "/smart/launch", query_string={"iss": hospital.ehr.base, "launch": "x"}
        )
    refused(answer, "disabled", logs)


@pytest.mark.parametrize(
    ("brought", "why"),
    [
        ({"state": "x" * 43}, "no sign-in was begun"),
        ({"iss": "https://other.example.org"}, "another issuer"),
        ({"code": "another"}, "not exchanged: OAuthError"),
    ],
    ids=["state", "issuer", "code"],
)
def test_a_wrong_answer_opens_nothing(
    browser: FlaskClient, hospital: Hospital, brought: dict[str, str], why: str
) -> None:
    with structlog.testing.capture_logs() as logs:
        launch = hospital.ehr.launch("x", hospital.patient())
        answer = hospital.comes_back(browser, launch, **brought)
    refused(answer, why, logs)
    assert "lamo-look" not in str(answer.headers.getlist("Set-Cookie"))


def test_whom_the_ehr_does_not_allow_the_app_is_told_whom_to_ask(
    browser: FlaskClient, hospital: Hospital
) -> None:
    launch = hospital.ehr.launch("x", hospital.patient())
    with structlog.testing.capture_logs() as logs:
        answer = hospital.comes_back(browser, launch, error="access_denied")
    refused(answer, "access_denied", logs, status=403)
    assert "ask your EHR&#39;s team to give you access" in answer.text


def test_an_error_of_the_ehrs_own_words_is_repeated_nowhere(
    browser: FlaskClient, hospital: Hospital
) -> None:
    launch = hospital.ehr.launch("x", hospital.patient())
    with structlog.testing.capture_logs() as logs:
        answer = hospital.comes_back(browser, launch, error=SCRIPT, error_description=SCRIPT)
    refused(answer, "with an error of its own", logs)
    assert SCRIPT not in f"{answer.text} {logs}"


def test_an_answer_that_names_nobody_is_not_of_a_server_that_names_itself(
    browser: FlaskClient, hospital: Hospital
) -> None:
    """A server that mixes itself up with another would leave `iss` out (RFC 9207)."""
    sent = browser.get(hospital.ehr.launch("x", "p1").removeprefix("http://localhost"))
    state = dict(parse_qsl(urlsplit(sent.headers["Location"]).query))["state"]
    with structlog.testing.capture_logs() as logs:
        answer = browser.get("/smart/callback", query_string={"state": state, "code": "c"})
    refused(answer, "another issuer, or none", logs)


def test_an_answer_and_its_code_are_good_for_one_try(
    browser: FlaskClient, hospital: Hospital
) -> None:
    launch = hospital.ehr.launch("x", hospital.patient())
    used = hospital.comes_back(browser, launch).request
    with structlog.testing.capture_logs() as logs:
        again = browser.get(used.full_path)
        elsewhere = hospital.comes_back(browser, launch, code=used.args["code"])
    refused(again, "no sign-in was begun", logs)
    refused(elsewhere, "not exchanged: OAuthError", logs)


def test_launches_that_were_left_fill_no_browser_with_cookies(
    browser: FlaskClient, hospital: Hospital
) -> None:
    path = hospital.ehr.launch("x", hospital.patient()).removeprefix("http://localhost")
    sent = [browser.get(path).request for _ in range(MOST_UNDER_WAY + 2)]
    assert [len(one.cookies) for one in sent] == [0, 1, 2, 3, 3]
    with structlog.testing.capture_logs() as logs:
        answer = hospital.comes_back(browser, path)
    refused(answer, "without a card", logs)  # which is asked last


def test_a_code_of_another_launch_does_not_fit_the_verifier(
    browser: FlaskClient, hospital: Hospital
) -> None:
    """As one that was stolen from another browser, and brought here with this browser's state."""
    other = browser.application.test_client()
    launch = hospital.ehr.launch("x", hospital.patient())
    sent = other.get(launch.removeprefix("http://localhost"))
    back = requests.get(sent.headers["Location"], allow_redirects=False, timeout=60)
    stolen = dict(parse_qsl(urlsplit(back.headers["Location"]).query))["code"]
    with structlog.testing.capture_logs() as logs:
        answer = hospital.comes_back(
            browser, hospital.ehr.launch("x", hospital.patient()), code=stolen
        )
    refused(answer, "not exchanged: OAuthError", logs)


@pytest.mark.parametrize(
    "errs",
    [
        {"aud": "another-app"},
        {"nonce": "another"},
        {"iss": "https://other.example.org"},
        {"exp": 1_000_000_000},
        {"alg": "none"},
    ],
    ids=["audience", "nonce", "issuer", "expired", "unsigned"],
)
def test_an_id_token_that_is_not_for_this_launch_opens_nothing(
    browser: FlaskClient, hospital: Hospital, errs: dict[str, Any]
) -> None:
    hospital.ehr.keys.errs.update(errs)
    with structlog.testing.capture_logs() as logs:
        answer = hospital.comes_back(browser, hospital.ehr.launch("x", hospital.patient()))
    refused(answer, "the id_token", logs)


def test_an_app_that_was_opened_without_a_card_shows_nothing(
    browser: FlaskClient, hospital: Hospital
) -> None:
    with structlog.testing.capture_logs() as logs:
        answer = hospital.comes_back(browser, hospital.ehr.launch(SCRIPT, hospital.patient()))
    refused(answer, "without a card", logs)
    assert SCRIPT not in answer.text


CONFIDENTIAL = {"smart_client_id": "confidential-app", "smart_auth": "private_key_jwt"}
WITHOUT_KEY = {"smart_client_id": "confidential-app"}


@pytest.mark.parametrize("app_members", [CONFIDENTIAL])
def test_a_confidential_app_proves_itself_with_its_key(
    browser: FlaskClient, hospital: Hospital, smart_desk: SmartDesk
) -> None:
    hospital.decides()
    assert browser.get("/smart/jwks.json").json == smart_desk.app_key.jwks()
    address = hospital.opens(browser, hospital.newest())
    assert browser.get(address).status_code == 200


@pytest.mark.parametrize("app_members", [WITHOUT_KEY])
def test_a_confidential_app_is_refused_without_its_key(
    browser: FlaskClient, hospital: Hospital
) -> None:
    with structlog.testing.capture_logs() as logs:
        answer = hospital.comes_back(browser, hospital.ehr.launch("x", hospital.patient()))
    refused(answer, "not exchanged: OAuthError", logs)


def test_a_launch_that_took_too_long_is_over(
    browser: FlaskClient, hospital: Hospital, clock: Clock
) -> None:
    launch = hospital.ehr.launch("x", hospital.patient())
    sent = browser.get(launch.removeprefix("http://localhost"))
    state = dict(parse_qsl(urlsplit(sent.headers["Location"]).query))["state"]
    clock.ahead = timedelta(minutes=11)
    with structlog.testing.capture_logs() as logs:
        answer = browser.get("/smart/callback", query_string={"state": state, "code": "c"})
    refused(answer, "too long ago", logs)


def test_the_token_stands_in_no_address_log_or_row(
    browser: FlaskClient, hospital: Hospital, app_folder: Path, capsys: Any
) -> None:
    hospital.decides()
    event = hospital.newest()
    with structlog.testing.capture_logs() as logs:
        address = hospital.opens(browser, event)
        page = browser.get(address)
    tokens = list(hospital.ehr.desk.smart.access._things)
    kept = b"".join(one.read_bytes() for one in app_folder.glob("audit.db*"))
    told = f"{logs} {address} {page.text} {page.headers} {capsys.readouterr()}"
    assert tokens
    for token in tokens:
        assert token not in told
        assert token.encode() not in kept
    assert hospital.patient() not in f"{logs} {address}"
