"""The list of events: what it finds, what it shows to whom, and what it records."""

import re
from collections.abc import Callable
from html import unescape

import pytest

from cds_service.audit.entries import DecisionEntry
from cds_service.audit.keeping import Keeper
from cds_service.audit.log import AuditLog
from cds_service.audit.vault import Whom
from cds_service.keys.service import KeyService
from tests.cds_service.audit.evidence_fixtures import var_dir
from tests.cds_service.audit.read_model_fixtures import write_decisions
from tests.cds_service.audit.test_entries import decision, error
from tests.cds_service.reviewer.list_fixtures import (
    CLIENT,
    OF_PATIENT,
    database_server,
    derive,
    written,
)
from tests.cds_service.reviewer.signing_in import CSRF, SignIn

pytest_plugins = [
    "tests.cds_service.audit_fixtures",
    "tests.cds_service.reviewer.review_fixtures",
]
__all__ = ["database_server", "derive", "var_dir", "written"]
EVENTS = "/review/events"


@pytest.mark.parametrize("medication", ["warfarin", "11289", "Coumadin"])
def test_a_medication_is_found_by_name_or_code(
    signed_in: SignIn, written: DecisionEntry, medication: str
) -> None:
    page = signed_in("reviewer").get(EVENTS, query_string={"medication": medication}).text
    assert f'href="/review/events/{written.event_id}"' in page
    assert "interaction: Warfarin" in page
    assert "2 events on this page" in page


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("medication=no-such-name", "the formulary has no such name"),
        ("first_day=31.3.2026", "a day is written as 2026-03-31"),
        ("before=x", "an event id is a UUID"),
        ("kind=access", "kind: wanted one of decision, feedback, error"),
        ("user_ref=Smith, John DOB 1950", "who: wanted Practitioner/ID"),
        ("user_ref=Patient/123", "who: wanted Practitioner/ID"),
        ("request_id=John Smith", "request: wanted at most 64"),
        ("card=John Smith", "a UUID"),
        ("event_id=1950", "a UUID"),
        ("medication=123456789", "the formulary has no such name"),
    ],
)
def test_what_cannot_be_searched_for_is_told(signed_in: SignIn, query: str, told: str) -> None:
    answer = signed_in("reviewer").get(f"{EVENTS}?{query}")
    assert (answer.status_code, told in answer.text) == (200, True)


@pytest.mark.parametrize("path", [EVENTS, "/review/access", "/review/changes"])
def test_what_does_not_fit_is_neither_repeated_nor_recorded(
    signed_in: SignIn, audit_log: AuditLog, path: str
) -> None:
    names = ("user_ref", "request_id", "card", "event_id", "medication", "first_day")
    typed = dict.fromkeys(names, "marked, John DOB 1950") | {"outcome": "ok"}
    answer = signed_in("compliance").get(path, query_string=typed)
    assert ('role="alert"' in answer.text, "marked" in answer.text) == (True, False)
    look = audit_log.find_event(audit_log.list_events(limit=1)[0].event_id).body
    assert "marked" not in str(look)


def test_of_a_medication_the_look_has_the_code(signed_in: SignIn, audit_log: AuditLog) -> None:
    signed_in("reviewer").get(EVENTS, query_string={"medication": "warfarin marked"})
    look = audit_log.find_event(audit_log.list_events(limit=1)[0].event_id).body
    assert "marked" not in str(look)
    signed_in("reviewer").get(EVENTS, query_string={"medication": "warfarin"})
    look = audit_log.find_event(audit_log.list_events(limit=1)[0].event_id).body
    assert look["filters"] == {"medication": "11289"}


def test_ids_of_patients_are_for_those_who_may_see_them(
    signed_in: SignIn, written: DecisionEntry, audit_log: AuditLog
) -> None:
    pid = str(audit_log.find_event(written.event_id).summary.patient)
    assert "marked-patient" in signed_in("compliance").get(EVENTS).text
    page = signed_in("operator").get(EVENTS).text
    assert ("marked-patient" in page, pid in page, 'name="patient_id"' in page) == (
        False,
        True,
        False,
    )
    assert signed_in("operator").post(EVENTS, data=OF_PATIENT).status_code == 403
    assert signed_in("administrator").get(EVENTS).status_code == 403


def test_a_patient_is_searched_for_with_a_reason_that_is_recorded(
    signed_in: SignIn, written: DecisionEntry, audit_log: AuditLog
) -> None:
    write_decisions(audit_log, 1)
    page = signed_in("reviewer").post(EVENTS, data=OF_PATIENT).text
    assert "2 events on this page, newest first, of one patient" in page
    look = audit_log.find_event(audit_log.list_events(limit=1)[0].event_id).body
    assert look["purpose"] == "a complaint of them"
    assert (look["patient_id"], look["rows"], look["filters"]) == ("marked-patient", 2, {})


def test_no_address_names_the_patient(
    signed_in: SignIn, audit_log: AuditLog, derive: Callable[[], None]
) -> None:
    write_decisions(audit_log, 51, patient_id="marked-patient")
    derive()
    client = signed_in("reviewer")
    page = client.post(EVENTS, data=OF_PATIENT | {"kind": "decision"}).text
    assert not re.search(r'(href|action|hx-[a-z]+)="[^"]*marked', page)
    pager = page[page.index('class="pager"') :]
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', pager[: pager.index("</form>")]))
    older = client.post(EVENTS, data={name: unescape(text) for name, text in fields.items()}).text
    assert "1 event on this page" in older


@pytest.mark.parametrize("lacks", [{"purpose": "short"}, {"patient_id": " "}])
def test_a_patient_is_not_searched_for_without_a_reason(
    signed_in: SignIn, written: DecisionEntry, lacks: dict[str, str]
) -> None:
    page = signed_in("reviewer").post(EVENTS, data=OF_PATIENT | lacks).text
    assert 'role="alert"' in page
    assert written.event_id not in page


def test_of_one_who_was_erased_only_the_pid_is_left(
    signed_in: SignIn, written: DecisionEntry, audit_url: str, audit_keys: KeyService
) -> None:
    keeper = Keeper(audit_url, audit_keys)
    keeper.erase(Whom(client=CLIENT, patient_id="marked-patient"), lambda patient_id: 0)
    keeper.close()
    page = signed_in("reviewer").get(EVENTS).text
    assert written.event_id in page
    assert "marked-patient" not in page
    assert "Nothing is kept" in signed_in("reviewer").post(EVENTS, data=OF_PATIENT).text


def test_what_clients_send_is_never_markup(
    signed_in: SignIn, audit_log: AuditLog, derive: Callable[[], None]
) -> None:
    evil = "\"'><script>x</script>"
    row = {"card": "c", "rule": evil, "rxcui": evil, "basis": ""}
    named = {"client": evil, "user": evil, "hook_instance": evil, "request_id": evil}
    audit_log.append_decision(
        decision(**named, patient_id=evil, about=[row], model={"name": evil, "version": "1"})
    )
    audit_log.append_error(error(client=evil, hook=evil, code=evil))
    derive()
    client = signed_in("compliance")
    for query in ({}, {"user_ref": evil, "client": evil}, {"card": evil, "model": evil}):
        page = client.get(EVENTS, query_string=query).text
        assert ("<script>x" in page, "&lt;script&gt;x" in page) == (False, True)
    derive()
    page = client.get("/review/access/mine").text
    assert ("<script>x" in page, "&lt;script&gt;x" in page) == (False, True)


def test_htmx_gets_the_results_alone(signed_in: SignIn, written: DecisionEntry) -> None:
    part = signed_in("reviewer").get(EVENTS, headers={"HX-Request": "true"}).text
    assert written.event_id in part
    assert "<html" not in part


def test_older_goes_on_with_the_same_filters(
    signed_in: SignIn, audit_log: AuditLog, derive: Callable[[], None]
) -> None:
    write_decisions(audit_log, 51)
    derive()
    client = signed_in("operator")
    page = client.get(f"{EVENTS}?kind=decision").text
    link = re.search(r'rel="next" href="([^"]+)"', page)
    assert link is not None
    assert "1 event on this page" in client.get(unescape(link[1])).text


def test_a_search_is_kept_for_its_account_and_forgotten(
    signed_in: SignIn, written: DecisionEntry
) -> None:
    client, query = signed_in("reviewer"), "medication=warfarin&patient_id=p&before=7"
    save = {"csrf": CSRF, "query": query, "name": "<b>warfarin"}
    answer = client.post(f"{EVENTS}/saved", data=save)
    assert (answer.status_code, answer.location) == (303, f"{EVENTS}?medication=warfarin")
    assert 'href="/review/events?medication=warfarin">&lt;b&gt;warfarin<' in client.get(EVENTS).text
    assert "&lt;b&gt;" not in signed_in("operator").get(EVENTS).text
    client.post(f"{EVENTS}/saved/drop", data={"csrf": CSRF, "name": "<b>warfarin"})
    assert "&lt;b&gt;" not in client.get(EVENTS).text


@pytest.mark.parametrize(
    "wrong", [{"name": ""}, {"query": "first_day=x"}, {"query": "user_ref=J S"}]
)
def test_what_cannot_be_searched_for_is_not_kept(signed_in: SignIn, wrong: dict[str, str]) -> None:
    save = {"csrf": CSRF, "query": "kind=error", "name": "errors"} | wrong
    assert signed_in("reviewer").post(f"{EVENTS}/saved", data=save).status_code == 400
