"""Signing in with a password and a code, and the sessions that follow."""

import hashlib
import re
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import select

from cds_service.audit.log import AuditLog
from cds_service.reviewer.accounts.building import Accounts
from cds_service.reviewer.accounts.models import SessionRow
from tests.cds_service.reviewer.people import OPERATOR, Clock, CountingHasher, Hire, Person, told

pytest_plugins = [
    "tests.cds_service.audit_fixtures",
    "tests.cds_service.reviewer.review_fixtures",
    "tests.cds_service.reviewer.account_fixtures",
]
SQLITE = pytest.mark.parametrize("database_server", ["sqlite"], indirect=True)
COOKIE = "lamo-review"


def cookie_of(person: Person) -> str:
    cookie = person.browser.get_cookie(COOKIE)
    return cookie.value if cookie else ""


def test_a_first_sign_in_leads_to_a_password_and_a_second_factor(
    newcomer: Hire, audit_log: AuditLog
) -> None:
    person = newcomer("ada", "compliance")
    assert person.signs_in().headers["Location"].startswith("/review/enrol")
    assert person.sees() == 303  # nothing is shown before
    assert person.completes().headers["Location"] == "/review/"
    assert person.sees() == 200
    actions = [one["action"] for one in told(audit_log, "administration")]
    assert actions == ["account-enrolled", "account-added"]


def test_later_ones_want_password_and_code_and_are_recorded(
    hired: Hire, audit_log: AuditLog
) -> None:
    person = hired("ada", "compliance")
    person.browser.delete_cookie(COOKIE)
    answer = person.signs_in(next="/review/account?x=1")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/review/account?x=1")
    seen = told(audit_log, "access")[0]
    assert (seen["page"], seen["user"], seen["outcome"]) == ("login", "account/ada", "seen")


@SQLITE
@pytest.mark.parametrize(
    "wrong", [{"password": "wrong"}, {"code": "000000"}, {"code": " "}, {"name": "eve"}]
)
def test_no_answer_tells_what_was_wrong(
    hired: Hire, audit_log: AuditLog, wrong: dict[str, str]
) -> None:
    person = hired("ada", "compliance")
    refused = [person.signs_in(**wrong), person.signs_in(name="nobody-at-all", password="x")]
    assert [one.status_code for one in refused] == [401, 401]
    assert refused[0].data == refused[1].data
    denied = [one for one in told(audit_log, "access") if one["outcome"] == "denied"]
    assert denied[0]["page"] == "login"
    assert denied[0]["user"] == ("nobody" if "name" in wrong else "account/ada")


@SQLITE
def test_a_code_is_taken_once_and_not_from_another_time(hired: Hire, clock: Clock) -> None:
    person = hired("ada", "compliance")
    code = person.code()
    assert person.signs_in(code=code).status_code == 303
    assert person.signs_in(code=code).status_code == 401
    late = person.code()
    clock.goes_on(seconds=90)
    assert person.signs_in(code=late).status_code == 401
    assert person.signs_in().status_code == 303


def test_after_some_failures_even_the_right_ones_have_to_wait(hired: Hire, clock: Clock) -> None:
    person = hired("ada", "compliance")
    for _ in range(5):
        assert person.signs_in(password="guess").status_code == 401
    clock.goes_on(seconds=-31)  # the app goes on by itself
    assert person.signs_in().status_code == 401
    clock.goes_on(seconds=60)
    assert person.signs_in().status_code == 303
    assert person.signs_in(password="guess").status_code == 401
    assert person.signs_in().status_code == 303  # a success forgets them


@SQLITE
def test_waits_grow_and_end(hired: Hire, clock: Clock, accounts: Accounts) -> None:
    person, waits = hired("ada", "compliance"), []
    for _ in range(11):
        person.signs_in(password="guess")
        row = accounts.register.find("ada")
        assert row is not None
        if row.locked_until:
            waits.append(row.locked_until)
            clock.goes_on(seconds=901)
    assert len(waits) == 7
    assert person.signs_in().status_code == 303


@SQLITE
def test_a_flood_of_failures_is_refused_unlooked_at_and_few_events(
    hired: Hire, audit_log: AuditLog
) -> None:
    person = hired("ada", "compliance")
    answers = [person.signs_in(name=f"guess-{n}", code="1").status_code for n in range(70)]
    assert answers == [401] * 60 + [429] * 10
    denied = [one for one in told(audit_log, "access") if one["outcome"] == "denied"]
    assert [(one["user"], one["filters"]) for one in denied] == [("nobody", {"tries": 1})]
    assert person.sees() == 200  # who is in stays in


@SQLITE
def test_nothing_that_was_typed_for_a_name_is_kept(hired: Hire, audit_log: AuditLog) -> None:
    hired("ada", "compliance").signs_in(name="hunter2-in-the-wrong-field")
    bodies = str([told(audit_log, kind) for kind in ("access", "administration")])
    assert "hunter2" not in bodies


@SQLITE
@pytest.mark.parametrize("name", ["ada", "nobody-at-all", "Not A Name\x00", "gone", "locked"])
def test_every_name_costs_the_same_work(
    hired: Hire, accounts: Accounts, hasher: CountingHasher, name: str
) -> None:
    person = hired("ada", "compliance")
    for other in ("gone", "locked"):
        hired(other, "reviewer")
    accounts.administration.disable("gone", OPERATOR)
    for _ in range(6):
        person.signs_in(name="locked", password="guess")
    hasher.compared.clear()
    assert person.signs_in(name=name, password="wrong").status_code == 401
    assert hasher.compared == ["$argon2id$v=19$m=8,t=1,"]


@SQLITE
def test_a_one_time_password_does_not_last(newcomer: Hire, clock: Clock) -> None:
    person = newcomer("ada", "compliance")
    clock.goes_on(hours=73)
    assert person.signs_in().status_code == 401


@SQLITE
def test_a_one_time_password_is_good_for_one_sign_in(newcomer: Hire, account_app: Flask) -> None:
    person = newcomer("ada", "compliance")
    thief = Person("ada", account_app.test_client(), person.clock, person.password)
    assert [thief.signs_in().status_code, person.signs_in().status_code] == [303, 401]
    assert thief.completes().status_code == 303  # the session goes on, and its owner has noticed


@SQLITE
def test_a_secret_that_somebody_saw_before_is_worthless(
    newcomer: Hire, hired: Hire, account_app: Flask
) -> None:
    root, person = hired("root", "administrator"), newcomer("ada", "compliance")
    thief = Person("ada", account_app.test_client(), person.clock, person.password)
    thief.signs_in()
    assert thief.completes(new="short").status_code == 400  # but the secret was shown
    assert thief.secret in thief.browser.get("/review/enrol").text
    page = root.sends("/review/accounts/ada/reset-password")
    found = re.search(r"<code>([a-z2-9-]{23})</code>", page.text)
    assert found is not None
    person.password = found[1]
    assert (thief.sees("/review/enrol"), person.signs_in().status_code) == (303, 303)
    assert person.completes().status_code == 303
    assert person.secret != thief.secret


@SQLITE
@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"new": "short", "again": "short"}, "has 5 characters, wanted 12"),
        ({"again": "another password"}, "typed in two ways"),
        ({"new": "this is ADA.L here", "again": "this is ADA.L here"}, "account&#39;s name"),
        ({"code": "000000"}, "code does not fit"),
    ],
)
def test_a_first_sign_in_is_not_completed_by_less(
    newcomer: Hire, other: dict[str, str], why: str
) -> None:
    person = newcomer("ada.l", "compliance")
    person.signs_in()
    answer = person.completes(**other)
    assert answer.status_code == 400
    assert why in answer.get_data(as_text=True)
    assert person.sees() == 303


@SQLITE
def test_the_one_time_password_does_not_become_their_own(newcomer: Hire) -> None:
    person = newcomer("ada", "compliance")
    person.signs_in()
    answer = person.completes(new=person.password, again=person.password)
    assert "is the old one" in answer.get_data(as_text=True)


@SQLITE
def test_a_session_is_another_after_each_sign_in(hired: Hire) -> None:
    person = hired("ada", "compliance")
    first = cookie_of(person)
    person.signs_in()
    second = cookie_of(person)
    assert first != second
    person.browser.set_cookie(COOKIE, first)
    assert person.sees() == 303


@SQLITE
def test_a_cookie_of_a_strangers_choosing_is_never_a_session(hired: Hire) -> None:
    person = hired("ada", "compliance")
    person.browser.set_cookie(COOKIE, "chosen-by-eve")
    person.signs_in()
    assert cookie_of(person) != "chosen-by-eve"
    person.browser.set_cookie(COOKIE, "chosen-by-eve")
    assert person.sees() == 303


@SQLITE
def test_the_database_holds_no_cookie(hired: Hire, accounts: Accounts) -> None:
    cookie = cookie_of(hired("ada", "compliance"))
    with accounts.engine.begin() as connection:
        rows = connection.execute(select(SessionRow.__table__)).all()
    assert cookie not in str(rows)
    assert hashlib.sha256(cookie.encode()).hexdigest() in str(rows)


def test_signing_out_ends_the_session_for_whoever_kept_its_cookie(
    hired: Hire, audit_log: AuditLog
) -> None:
    person = hired("ada", "compliance")
    kept = cookie_of(person)
    assert person.sends("/review/logout").status_code == 303
    person.browser.set_cookie(COOKIE, kept)
    assert person.sees() == 303
    assert told(audit_log, "access")[0]["page"] == "sign_out"


@SQLITE
def test_sessions_end_when_idle_and_after_half_a_day(hired: Hire, clock: Clock) -> None:
    person = hired("ada", "compliance")
    for _ in range(26):
        clock.goes_on(minutes=27)
        assert person.sees() == 200
    clock.goes_on(minutes=27)
    assert person.sees() == 303  # 12 h 9 min
    person.signs_in()
    clock.goes_on(minutes=31)
    assert person.sees() == 303


def test_what_is_done_to_an_account_ends_its_sessions(hired: Hire, accounts: Accounts) -> None:
    person, boss = hired("ada", "compliance"), accounts.administration
    hired("root", "administrator")
    for change in (
        lambda: boss.set_roles("ada", frozenset({"reviewer"}), OPERATOR),
        lambda: boss.disable("ada", OPERATOR),
        lambda: boss.reset("ada", OPERATOR, with_factor=False),
    ):
        assert person.sees() == 200
        change()
        assert person.sees() == 303
        boss.enable("ada", OPERATOR)
        person.signs_in()


@SQLITE
def test_a_disabled_account_does_not_sign_in(hired: Hire, accounts: Accounts) -> None:
    person = hired("ada", "compliance")
    accounts.administration.disable("ada", OPERATOR)
    assert person.signs_in().status_code == 401
    accounts.administration.enable("ada", OPERATOR)
    assert person.signs_in().status_code == 303


@SQLITE
@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/",
        "//evil.example/review/",
        "/\\evil.example",
        "/review/\\evil",
        "javascript:alert(1)",
        "/cds-services",
        "/reviewer",
        "/review/\n//evil",
    ],
)
def test_signing_in_leads_to_no_other_site(hired: Hire, wanted: str) -> None:
    person = hired("ada", "compliance")
    assert person.signs_in(next=wanted).headers["Location"] == "/review/"
    page = person.browser.get("/review/login", query_string={"next": wanted})
    assert 'name="next" value="/review/"' in page.get_data(as_text=True)


@SQLITE
def test_a_form_of_another_site_signs_nobody_in(newcomer: Hire) -> None:
    person = newcomer("ada", "compliance")
    shown = {"name": "ada", "password": person.password}
    answer = person.browser.post(
        "/review/login", data=shown, headers={"Origin": "https://evil.example"}
    )
    assert answer.status_code == 403
    assert cookie_of(person) == ""
    person.signs_in()
    assert person.completes(csrf="another").status_code == 400


@pytest.fixture
def https_app(account_app: Flask) -> Flask:
    """Accounts where browsers are to come by https."""
    found = account_app.extensions["review"]
    account_app.extensions["review"] = replace(found, base_url="https://cds.example.org/lamo")
    return account_app


@SQLITE
def test_a_sign_in_by_http_spends_nothing_where_the_address_is_https(
    https_app: Flask, newcomer: Hire
) -> None:
    person = newcomer("ada", "compliance")
    refused = person.signs_in()  # without the page's cookie, which no browser brings by http
    assert refused.status_code == 403
    assert 'href="https://cds.example.org/lamo/review/login"' in refused.text
    given = person.browser.get("/review/login").headers["Set-Cookie"]
    assert given == "__Host-lamo-kept=1; Secure; HttpOnly; Path=/; SameSite=Strict"
    assert person.signs_in().status_code == 303


@SQLITE
@pytest.mark.parametrize(("proto", "status"), [("http", 403), ("https", 200)])
def test_the_page_to_sign_in_is_not_shown_where_the_proxy_says_that_it_came_by_http(
    https_app: Flask, proto: str, status: int
) -> None:
    page = https_app.test_client().get("/review/login", headers={"X-Forwarded-Proto": proto})
    assert (page.status_code, 'id="password"' in page.text) == (status, status == 200)


@SQLITE
def test_cookies_are_for_this_host_and_no_script(newcomer: Hire) -> None:
    plain = newcomer("ada", "compliance").signs_in().headers["Set-Cookie"]
    assert "; HttpOnly; Path=/; SameSite=Strict" in plain
    assert "Max-Age" not in plain


@SQLITE
def test_names_hold_nothing_that_a_page_would_run(hired: Hire, audit_log: AuditLog) -> None:
    root = hired("root", "administrator")
    evil = "<script>alert(1)</script>"
    answer = root.sends("/review/accounts", name=evil, role="reviewer")
    assert answer.status_code == 400
    assert "<script>alert" not in answer.get_data(as_text=True)
    assert evil not in str(told(audit_log, "administration"))
