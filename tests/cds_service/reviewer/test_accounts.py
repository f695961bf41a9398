"""What administrators do with accounts, what people do with their own, and the shell."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import select

from cds_service.audit.log import AuditLog
from cds_service.audit.migrate import downgrade, upgrade
from cds_service.cli import main
from cds_service.keys.file_keys import FileKeys
from cds_service.keys.ring import KeyRing
from cds_service.keys.service import KeyService, NotOpened
from cds_service.reviewer.accounts.account import AccountRefused
from cds_service.reviewer.accounts.building import AccountParts, Accounts, build_accounts
from cds_service.reviewer.accounts.models import AccountRow
from cds_service.reviewer.accounts.passwords import Passwords
from cds_service.reviewer.accounts.rotation import rewrap_factors
from cds_service.reviewer.accounts.second_factor import SecondFactors
from cds_service.reviewer.accounts.signing_in import Shown
from cds_service.settings import Settings
from tests.cds_service.reviewer.people import OPERATOR, Clock, Hire, Person, new_account, told

pytest_plugins = [
    "tests.cds_service.audit_fixtures",
    "tests.cds_service.reviewer.review_fixtures",
    "tests.cds_service.reviewer.account_fixtures",
]
SQLITE = pytest.mark.parametrize("database_server", ["sqlite"], indirect=True)


def handed_over(page: str) -> str:
    found = re.search(r"<code>([a-z2-9-]{23})</code>", page)
    assert found is not None
    return found[1]


def test_an_administrator_adds_an_account_which_signs_in(
    hired: Hire, account_app: Flask, clock: Clock, audit_log: AuditLog
) -> None:
    root = hired("root", "administrator")
    page = root.sends("/review/accounts", name="ada", role=["reviewer", "operator"])
    ada = Person("ada", account_app.test_client(), clock, handed_over(page.get_data(as_text=True)))
    assert (ada.signs_in().status_code, ada.completes().status_code) == (303, 303)
    added = told(audit_log, "administration")[1]
    assert (added["action"], added["user"]) == ("account-added", "account/root")
    assert added["subject"] == "account/ada"
    assert added["details"] == {"roles": ["operator", "reviewer"]}
    assert ada.password not in str(told(audit_log, "administration"))


def test_an_administrator_changes_an_account(
    hired: Hire, accounts: Accounts, audit_log: AuditLog
) -> None:
    root, ada = hired("root", "administrator"), hired("ada", "compliance")
    assert root.sends("/review/accounts/ada/roles", role="operator").status_code == 303
    assert root.sends("/review/accounts/ada/disable").status_code == 303
    assert "disabled" in root.browser.get("/review/accounts").get_data(as_text=True)
    assert root.sends("/review/accounts/ada/enable").status_code == 303
    assert ada.signs_in().status_code == 303
    found = accounts.register.find("ada")
    assert found is not None
    assert found.roles == {"operator"}
    actions = [one["action"] for one in told(audit_log, "administration")[:3]]
    assert actions == ["account-enabled", "account-disabled", "account-roles"]


@SQLITE
def test_a_reset_password_keeps_the_second_factor(hired: Hire) -> None:
    root, ada = hired("root", "administrator"), hired("ada", "compliance")
    page = root.sends("/review/accounts/ada/reset-password")
    ada.password = handed_over(page.get_data(as_text=True))
    assert ada.signs_in(code="1").status_code == 401
    assert ada.signs_in().headers["Location"].startswith("/review/enrol")
    assert "QR code" not in ada.browser.get("/review/enrol").get_data(as_text=True)
    assert ada.completes(new="another good one", again="another good one").status_code == 303
    assert (ada.sees(), ada.signs_in().status_code) == (200, 303)


@SQLITE
def test_a_reset_second_factor_needs_what_was_handed_over(hired: Hire) -> None:
    root, ada = hired("root", "administrator"), hired("ada", "compliance")
    old = ada.secret
    page = root.sends("/review/accounts/ada/reset-second-factor")
    assert ada.signs_in().status_code == 401  # the old password is no proof
    ada.password, ada.secret = handed_over(page.get_data(as_text=True)), ""
    assert ada.signs_in().status_code == 303
    assert ada.completes(new="another good one", again="another good one").status_code == 303
    assert ada.secret != old


def test_the_last_administrator_stays_and_nobody_changes_their_own(
    hired: Hire, accounts: Accounts, account_app: Flask, audit_log: AuditLog
) -> None:
    root, boss = hired("root", "administrator"), accounts.administration
    before = told(audit_log, "administration")
    with pytest.raises(AccountRefused, match="'root' is the last administrator"):
        boss.disable("root", OPERATOR)
    with pytest.raises(AccountRefused, match="'root' is the last administrator"):
        boss.set_roles("root", frozenset({"reviewer"}), OPERATOR)
    for what in ("roles", "disable", "reset-password", "reset-second-factor"):
        answer = root.sends(f"/review/accounts/root/{what}", role="administrator")
        assert (answer.status_code, "nobody changes their own" in answer.text) == (400, True)
    assert told(audit_log, "administration") == before
    one_time = new_account(accounts, "second", ["administrator"])
    with pytest.raises(AccountRefused, match="make another one first, who has signed in"):
        boss.disable("root", OPERATOR)  # the one-time password of the other may run out
    second = Person("second", account_app.test_client(), root.clock, one_time)
    assert (second.signs_in().status_code, second.completes().status_code) == (303, 303)
    boss.disable("root", OPERATOR)
    assert root.sees() == 303


@SQLITE
def test_what_cannot_be_is_told_and_leaves_no_event(hired: Hire, audit_log: AuditLog) -> None:
    root = hired("root", "administrator")
    before = told(audit_log, "administration")
    for form, why in (
        ({"name": "root", "role": "reviewer"}, "already"),
        ({"name": "Ada", "role": "reviewer"}, "wanted 1 to 64 of a-z"),
        ({"name": "sso.ada", "role": "reviewer"}, "sso."),
        ({"name": "ada"}, "one or more of these roles"),
        ({"name": "ada", "role": "god"}, "one or more of these roles"),
    ):
        answer = root.sends("/review/accounts", **form)
        assert (answer.status_code, why in answer.text) == (400, True)
    assert told(audit_log, "administration") == before


@SQLITE
def test_a_changed_password_ends_all_other_sessions(hired: Hire, account_app: Flask) -> None:
    ada = hired("ada", "compliance")
    elsewhere = Person("ada", account_app.test_client(), ada.clock, ada.password, ada.secret)
    assert elsewhere.signs_in().status_code == 303
    new = {"new": "a better one than that", "again": "a better one than that"}
    wrong = ada.sends("/review/account/password", password="x", code=ada.code(), **new)
    assert wrong.status_code == 400
    code = ada.code()
    answer = ada.sends("/review/account/password", password=ada.password, code=code, **new)
    assert (answer.status_code, ada.sees(), elsewhere.sees()) == (303, 200, 303)
    assert elsewhere.signs_in().status_code == 401


@SQLITE
def test_other_sessions_are_ended_by_their_owner(hired: Hire, account_app: Flask) -> None:
    ada = hired("ada", "compliance")
    elsewhere = Person("ada", account_app.test_client(), ada.clock, ada.password, ada.secret)
    elsewhere.signs_in()
    assert ada.browser.get("/review/account").text.count("<tr><td>") == 2
    assert ada.sends("/review/account/sessions").status_code == 303
    assert (ada.sees(), elsewhere.sees()) == (200, 303)


@SQLITE
def test_a_password_is_hashed_anew_when_parameters_change(
    hired: Hire, accounts: Accounts, account_settings: Settings, account_parts: AccountParts
) -> None:
    ada = hired("ada", "compliance")
    dearer = Passwords(PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    later = build_accounts(account_settings, replace(account_parts, passwords=dearer))
    for was_outdated in (True, False):
        assert dearer.is_outdated(hash_of(accounts)) == was_outdated
        shown = Shown(name="ada", password=ada.password, code=ada.code())
        assert later.sign_in.prove(shown, "request-1") is not None
    later.close()


def hash_of(accounts: Accounts) -> str:
    with accounts.engine.begin() as connection:
        return str(connection.execute(select(AccountRow.password_hash)).scalar_one())


@SQLITE
def test_second_factors_follow_a_rotated_key(
    hired: Hire, audit_url: str, audit_ring: KeyRing, accounts: Accounts
) -> None:
    ada, rotated = hired("ada", "compliance"), audit_ring.rotated()
    assert [rewrap_factors(audit_url, FileKeys(rotated)) for _ in range(2)] == [1, 0]
    newest = {rotated.current: rotated.tenant_keys[rotated.current]}
    factors = SecondFactors(FileKeys(replace(rotated, tenant_keys=newest)))
    with accounts.engine.begin() as connection:
        sealed = connection.execute(select(AccountRow.totp)).scalar_one()
    assert sealed is not None
    assert factors.enrolment("ada", sealed).secret == ada.secret
    with pytest.raises(NotOpened, match="belongs to another row"):
        factors.enrolment("eve", sealed)


def test_accounts_go_down_with_their_revision_and_come_up_empty(
    hired: Hire, accounts: Accounts, audit_url: str, audit_keys: KeyService
) -> None:
    hired("ada", "compliance")
    accounts.close()
    downgrade(audit_url, "0006", keys=audit_keys)
    upgrade(audit_url, audit_keys)
    assert accounts.register.list_all() == []


def run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["accounts", *words])
    return result.exit_code, result.output


def test_the_first_administrator_is_made_at_a_shell(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    code, said = run("add", "root", "--role", "administrator", "--role", "compliance")
    assert code == 0
    assert re.search(r"^[a-z2-9-]{23}$", said, re.MULTILINE)
    listed = json.loads(run("list", "--json")[1])
    assert listed["roles"] == ["administrator", "compliance"]
    assert "first sign-in until" in run("list")[1]
    assert listed["changed_at"] == listed["created_at"]
    run("reset", "root")
    again = json.loads(run("list", "--json")[1])
    assert again["changed_at"] > again["created_at"] == listed["created_at"]


def test_a_shell_changes_accounts_and_keeps_to_the_rules(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    run("add", "root", "--role", "administrator")
    assert run("disable", "root") == (
        1,
        "Error: 'root' is the last administrator: make another one first, who has signed in, or "
        "nobody could\n",
    )
    run("add", "ada", "--role", "reviewer")
    assert run("roles", "ada", "--role", "operator") == (0, "ok: ada is operator\n")
    assert run("disable", "ada") == (0, "ok: ada is disabled\n")
    assert run("reset", "ada")[1].startswith("ok: ada starts anew; hand over this")
    assert run("enable", "eve")[1].startswith("Error: there is no such account")
    events = CliRunner().invoke(main, ["audit", "list"]).output
    assert events.count("administration") == 5
