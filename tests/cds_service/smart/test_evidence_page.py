"""The page of one decision: whose it is, what it shows, and what is recorded of a look."""

import re
from datetime import timedelta
from typing import Any

from flask.testing import FlaskClient

from cds_service.audit.keeping import Keeper
from cds_service.audit.sequencer import sequence_all
from cds_service.audit.vault import Whom
from cds_service.keys.building import build_keys
from cds_service.smart.cited import read_cited
from cds_service.smart.desk import SmartDesk
from cds_service.smart.sessions import Session
from tests.cds_service.reviewer.reading_html import page_of
from tests.cds_service.smart.ehrs import SCRIPT, USER, Ehr
from tests.cds_service.smart.hospitals import NAME, Clock, Hospital, hook_body
from tests.fakes import FakeScorer


def form_of(text: str) -> dict[str, list[str]]:
    """What a browser would send of the page's form."""
    found: dict[str, list[str]] = {}
    for tag in re.findall(r"<input[^>]*>", text):
        members = dict(re.findall(r'(\w+)="([^"]*)"', tag))
        if members["type"] == "hidden" or "checked" in tag:
            found.setdefault(members["name"], []).append(members["value"])
    return found


def test_every_look_is_recorded_under_the_users_own_name(
    browser: FlaskClient, hospital: Hospital
) -> None:
    hospital.decides()
    event = hospital.newest()
    browser.get(hospital.opens(browser, event))
    look = hospital.looks()[0]
    assert (look["user"], look["client"], look["page"]) == (USER, NAME, "evidence")
    assert (look["looked_at"], look["patient_id"]) == (event, hospital.patient())
    assert look["outcome"] == "seen"


def test_the_record_is_read_with_the_users_token_and_cited(
    browser: FlaskClient, hospital: Hospital
) -> None:
    hospital.decides()
    event, settings = hospital.newest(), hospital.tools.settings
    sequence_all(settings.database_url, settings.var_dir)
    page = browser.get(hospital.opens(browser, event))
    assert f"1.{event}." in page.text  # how its receipt begins
    assert "Read now from your EHR" in page.text
    assert "The model reads the same today" in page.text
    assert "What would change it" in page.text
    assert page_of(page.text)  # well-formed


def test_a_decision_about_another_patient_is_refused_and_that_is_recorded(
    browser: FlaskClient, hospital: Hospital
) -> None:
    hospital.decides()
    address = hospital.opens(browser, hospital.newest(), hospital.patient(1))
    page = browser.get(address)
    assert page.status_code == 403
    assert "not given for the patient whose chart is open" in page.text
    assert hospital.ehr.desk.patients[0].name not in page.text
    assert hospital.looks()[0]["outcome"] == "denied"


def test_a_decision_of_another_client_is_refused(browser: FlaskClient, hospital: Hospital) -> None:
    hospital.decides(client="other")
    assert browser.get(hospital.opens(browser, hospital.newest())).status_code == 403


def test_an_event_that_is_no_decision_or_none_is_refused_alike(
    browser: FlaskClient, hospital: Hospital
) -> None:
    none = "01900000-0000-7000-8000-000000000000"
    first = browser.get(hospital.opens(browser, none))
    look = hospital.newest()
    second = browser.get(hospital.opens(browser, look))
    assert (first.status_code, second.status_code) == (403, 403)
    assert first.text == second.text


def test_a_look_ends_with_its_half_hour(
    browser: FlaskClient, hospital: Hospital, clock: Clock
) -> None:
    hospital.decides()
    address = hospital.opens(browser, hospital.newest())
    clock.ahead = timedelta(minutes=31)
    page = browser.get(address)
    assert page.status_code == 401
    assert "Open the evidence from the card again" in page.text


def test_a_look_ends_when_its_person_says_so(browser: FlaskClient, hospital: Hospital) -> None:
    hospital.decides()
    address = hospital.opens(browser, hospital.newest())
    csrf = form_of(browser.get(address).text)["csrf"][0]
    assert browser.post(f"{address}/end", data={"csrf": "another"}).status_code == 400
    kept = str(browser.get(address).request.headers["Cookie"])
    assert "Your look has ended" in browser.post(f"{address}/end", data={"csrf": csrf}).text
    copied = browser.application.test_client(use_cookies=False)
    for again in (browser.get(address), copied.get(address, headers={"Cookie": kept})):
        assert again.status_code == 401


def session_with(hospital: Hospital, event: str, patient: str, token_of: str) -> Session:
    token = hook_body(hospital.ehr, token_of)["fhirAuthorization"]["access_token"]
    return Session(
        client=NAME,
        base=hospital.ehr.base,
        event_id=event,
        user=USER,
        patient_id=patient,
        token=token,
    )


def test_a_token_for_another_patient_reads_nothing_of_either(
    browser: FlaskClient, hospital: Hospital, smart_desk: SmartDesk
) -> None:
    hospital.decides()
    mixed = session_with(hospital, hospital.newest(), hospital.patient(), hospital.patient(1))
    browser.set_cookie(f"lamo-look-{'a' * 16}", smart_desk.sessions.open(mixed))
    page = browser.get(f"/smart/evidence/{'a' * 16}").text
    assert "Name not read" in page
    for one in hospital.ehr.desk.patients[:2]:
        assert one.name not in page


def test_an_entry_that_is_about_another_patient_by_now_is_not_shown(hospital: Hospital) -> None:
    session = session_with(hospital, "event-1", "p", hospital.patient())
    moved = {
        "resourceType": "Condition",
        "id": "c",
        "subject": {"reference": "Patient/other"},
        "code": {"text": "gout"},
    }
    known = {"Condition/c": moved}
    (shown,) = read_cited({"Condition/c": ["rule"]}, known, session, hospital.tools.fhir)
    assert (shown.says, shown.unread) == ("", "gave what is about another patient")


def test_another_browser_has_nothing_of_an_address(
    browser: FlaskClient, hospital: Hospital
) -> None:
    hospital.decides()
    address = hospital.opens(browser, hospital.newest())
    assert browser.application.test_client().get(address).status_code == 401


def test_two_charts_side_by_side_keep_their_own_pages(
    browser: FlaskClient, hospital: Hospital
) -> None:
    hospital.decides()
    first = hospital.opens(browser, hospital.newest())
    hospital.decides(hospital.patient(1))
    second = hospital.opens(browser, hospital.newest(), hospital.patient(1))
    names = [hospital.ehr.desk.patients[number].name for number in (0, 1)]
    assert names[0] in browser.get(first).text
    assert names[1] in browser.get(second).text


def test_a_token_that_the_ehr_takes_back_leaves_the_advice_and_says_what_is_missing(
    browser: FlaskClient, hospital: Hospital, ehr: Ehr
) -> None:
    hospital.decides()
    address = hospital.opens(browser, hospital.newest())
    ehr.desk.smart.access.drop(lambda session: True)
    page = browser.get(address)
    assert page.status_code == 200
    assert "facts are not shown in their words" in page.text
    assert "What would change it" not in page.text
    assert "Name not read" in page.text


def test_leaving_facts_out_scores_again_and_changes_nothing(
    browser: FlaskClient, hospital: Hospital
) -> None:
    hospital.decides()
    address = hospital.opens(browser, hospital.newest())
    form: dict[str, Any] = form_of(browser.get(address).text)
    kept = form["kept"]
    form["kept"] = kept[2:]
    page = browser.post(address, data=form)
    assert page.status_code == 200
    assert "Log-odds of what the cards are about" in page.text
    assert len(form_of(page.text)["kept"]) == len(kept) - 2
    assert hospital.looks()[0]["filters"] == {"left_out": 2}


def test_a_form_of_another_page_is_refused(browser: FlaskClient, hospital: Hospital) -> None:
    hospital.decides()
    address = hospital.opens(browser, hospital.newest())
    form: dict[str, Any] = form_of(browser.get(address).text)
    assert browser.post(address, data=form | {"csrf": "another"}).status_code == 400
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert browser.post(address, data=form, headers=foreign).status_code == 400


def test_a_model_that_is_down_is_said(
    browser: FlaskClient, hospital: Hospital, scorer: FakeScorer
) -> None:
    hospital.decides()
    address = hospital.opens(browser, hospital.newest())
    form = form_of(browser.get(address).text)
    scorer.outage = "it is being replaced"
    assert "it is being replaced" in browser.post(address, data=form).text


def test_texts_of_the_fhir_server_are_texts(browser: FlaskClient, hospital: Hospital) -> None:
    hospital.decides("evil")
    page = browser.get(hospital.opens(browser, hospital.newest(), "evil"))
    assert page.status_code == 200
    assert "&lt;script&gt;" in page.text
    assert SCRIPT not in page.text
    assert "script-src" not in page.headers["Content-Security-Policy"]
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_the_ehr_may_show_the_page_in_a_frame_and_nobody_else(
    browser: FlaskClient, hospital: Hospital
) -> None:
    hospital.decides()
    page = browser.get(hospital.opens(browser, hospital.newest()))
    policy = page.headers["Content-Security-Policy"]
    assert policy.endswith(f"frame-ancestors {hospital.ehr.keys.issuer}")
    assert "X-Frame-Options" not in page.headers


def test_what_the_log_forgot_is_not_shown(browser: FlaskClient, hospital: Hospital) -> None:
    hospital.decides()
    event, settings = hospital.newest(), hospital.tools.settings
    address = hospital.opens(browser, event)
    keeper = Keeper(settings.database_url, build_keys(settings))
    keeper.erase(Whom(client=NAME, patient_id=hospital.patient()), lambda _: 0)
    keeper.close()
    assert browser.get(address).status_code == 401  # the session went with the patient
    page = browser.get(hospital.opens(browser, event))
    assert page.status_code == 410
    assert hospital.ehr.desk.patients[0].name not in page.text


def test_whoever_has_a_cards_other_link_sees_nothing_of_a_patient(
    browser: FlaskClient, hospital: Hospital
) -> None:
    cards = hospital.decides(client="other")
    link = cards[0]["links"][0]
    assert link["type"] == "absolute"
    assert "appContext" not in link
    page = browser.get(link["url"].removeprefix("http://localhost"))
    assert page.status_code == 200
    assert cards[0]["source"]["topic"]["display"] in page.text
    body = hospital.log.find_event(hospital.newest()).body
    for private in (hospital.patient(), body["user"], body["patient"], cards[0]["summary"]):
        assert private not in page.text


def test_an_address_of_no_advice_is_none(browser: FlaskClient) -> None:
    assert browser.get("/evidence/01900000-0000-7000-8000-000000000000").status_code == 404
    assert browser.get("/smart/nothing").status_code == 404
