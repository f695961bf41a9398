"""Signing in at an identity provider, against a real one on this machine."""

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import SecretStr
from werkzeug.test import TestResponse

from cds_service.audit.log import AuditLog
from cds_service.doors import Doors
from cds_service.environment import SettingsError, read_settings
from cds_service.reviewer.accounts.building import AccountParts, Accounts, build_accounts
from cds_service.settings import Settings
from cds_service.web.app import create_app
from tests.cds_service.reviewer.oidc_provider import CLIENT, SECRET, OidcProvider, oidc_provider
from tests.cds_service.reviewer.people import OPERATOR, Hire, told

pytest_plugins = [
    "tests.cds_service.audit_fixtures",
    "tests.cds_service.reviewer.review_fixtures",
    "tests.cds_service.reviewer.account_fixtures",
]
SQLITE = pytest.mark.parametrize("database_server", ["sqlite"], indirect=True)
ADA = {"sub": "1234", "preferred_username": "Ada.L@example.org", "roles": ["compliance", "other"]}


@pytest.fixture(scope="module")
def running() -> Iterator[OidcProvider]:
    with oidc_provider() as provider:
        yield provider


@pytest.fixture
def provider(running: OidcProvider) -> OidcProvider:
    running.person, running.errs, running.says = dict(ADA), {}, {}
    running.signs_with, running.token_status = "key-1", 200
    return running


@pytest.fixture
def account_settings(audit_url: str, provider: OidcProvider) -> Settings:
    return Settings(
        database_url=audit_url,
        deadline_ms=60_000,
        oidc_issuer=provider.issuer,
        oidc_client_id=CLIENT,
        oidc_client_secret=SecretStr(SECRET),
    )


@pytest.fixture
def browser(account_app: Flask) -> FlaskClient:
    return account_app.test_client()


def comes_back(browser: FlaskClient, provider: OidcProvider, **other: str) -> TestResponse:
    """A browser goes to the provider and back; what it brings may be replaced."""
    sent = browser.get("/review/oidc?next=/review/account")
    assert sent.status_code == 303
    back = urlsplit(provider.lets_in(sent.headers["Location"]))
    brought = {k: v for k, v in (dict(parse_qsl(back.query)) | other).items() if v}
    return browser.get(f"{back.path}?{urlencode(brought)}")


def test_whom_the_provider_vouches_for_is_in(
    browser: FlaskClient, provider: OidcProvider, accounts: Accounts, audit_log: AuditLog
) -> None:
    answer = comes_back(browser, provider)
    assert answer.status_code == 200  # and no redirect: see the view
    assert 'content="0; url=/review/account"' in answer.text
    assert browser.get("/review/account").status_code == 200
    (account,) = accounts.register.list_all()
    assert account.name.startswith("sso.ada.l.")
    assert account.roles == {"compliance"}
    assert not account.is_local
    login = next(one for one in told(audit_log, "access") if one["page"] == "login")
    assert (login["user"], login["filters"]) == (account.user, {"by": "identity provider"})
    assert [one["action"] for one in told(audit_log, "administration")] == ["account-added"]


NOW = int(time.time())


@SQLITE
@pytest.mark.parametrize(
    "errs",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "another"},
        {"aud": None},
        {"aud": [CLIENT, "another"], "azp": "another"},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"exp": NOW - 120},
        {"exp": None},
        {"iat": NOW + 86_400},
        {"sub": None},
        {"roles": None},
        {"roles": ["other"]},
        {"roles": []},
        {"roles": {"compliance": True}},
        {"at_hash": "another"},
    ],
    ids=lambda errs: next(iter(errs)),
)
def test_a_token_that_is_wrong_lets_nobody_in(
    browser: FlaskClient, provider: OidcProvider, accounts: Accounts, errs: dict[str, Any]
) -> None:
    provider.errs = errs
    answer = comes_back(browser, provider)
    assert answer.status_code == 401
    assert browser.get("/review/account").status_code == 303
    assert accounts.register.list_all() == []


@SQLITE
@pytest.mark.parametrize(
    "other",
    [{"state": "another"}, {"state": ""}, {"code": ""}, {"code": "x"}, {"iss": "https://e"}],
)
def test_an_answer_that_was_not_asked_for_lets_nobody_in(
    browser: FlaskClient, provider: OidcProvider, audit_log: AuditLog, other: dict[str, str]
) -> None:
    exchanged = list(provider.exchanged)
    assert comes_back(browser, provider, **other).status_code == 401
    assert provider.exchanged == exchanged
    assert [one["user"] for one in told(audit_log, "access")] == ["nobody"]


@SQLITE
def test_a_key_that_is_not_published_signs_for_nobody(
    browser: FlaskClient, provider: OidcProvider
) -> None:
    provider.signs_with = "key-2"
    assert comes_back(browser, provider).status_code == 401


@SQLITE
def test_an_answer_to_another_browser_lets_nobody_in(
    browser: FlaskClient, provider: OidcProvider, account_app: Flask
) -> None:
    sent = browser.get("/review/oidc")
    back = urlsplit(provider.lets_in(sent.headers["Location"]))
    victim = account_app.test_client()
    assert victim.get(f"{back.path}?{back.query}").status_code == 401
    assert browser.get(f"{back.path}?{back.query}").status_code == 200
    assert browser.get(f"{back.path}?{back.query}").status_code == 401  # once


@SQLITE
def test_a_sign_in_does_not_stay_under_way(
    browser: FlaskClient, provider: OidcProvider, clock: Any
) -> None:
    sent = browser.get("/review/oidc")
    back = urlsplit(provider.lets_in(sent.headers["Location"]))
    clock.goes_on(seconds=601)
    assert browser.get(f"{back.path}?{back.query}").status_code == 401


@SQLITE
@pytest.mark.parametrize(
    "says",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "http://evil.example/token"},
        {"jwks_uri": None},
    ],
)
def test_a_provider_that_says_odd_things_of_itself_is_not_used(
    browser: FlaskClient, provider: OidcProvider, says: dict[str, Any]
) -> None:
    provider.says = says
    assert browser.get("/review/oidc").status_code == 401


@SQLITE
def test_a_provider_that_fails_lets_nobody_in(browser: FlaskClient, provider: OidcProvider) -> None:
    provider.token_status = 500
    assert comes_back(browser, provider).status_code == 401


def test_roles_follow_the_provider_and_a_disabled_account_stays_out(
    browser: FlaskClient, provider: OidcProvider, accounts: Accounts, account_app: Flask
) -> None:
    comes_back(browser, provider)
    provider.person["roles"] = "reviewer"
    elsewhere = account_app.test_client()
    assert comes_back(elsewhere, provider).status_code == 200
    (account,) = accounts.register.list_all()
    assert account.roles == {"reviewer"}
    assert browser.get("/review/account").status_code == 303  # of the roles before
    accounts.administration.disable(account.name, OPERATOR)
    assert elsewhere.get("/review/account").status_code == 303
    assert comes_back(elsewhere, provider).status_code == 401


@SQLITE
def test_values_of_the_claim_are_roles_as_the_settings_say(
    account_settings: Settings, account_parts: AccountParts, provider: OidcProvider
) -> None:
    words = {"oidc_roles": ("staff=x=operator", "other=reviewer"), "oidc_roles_claim": "groups"}
    mapped = build_accounts(account_settings.model_copy(update=words), account_parts)
    provider.person["groups"] = ["staff=x", "other", "compliance"]
    assert mapped.provider is not None
    url, cookie = mapped.provider.begin("/review/")
    answer = dict(parse_qsl(urlsplit(provider.lets_in(url)).query))
    assert mapped.provider.finish(cookie, answer)[0].roles == {"operator", "reviewer"}
    mapped.close()


@SQLITE
def test_two_people_of_one_name_are_two_accounts(
    browser: FlaskClient, provider: OidcProvider, accounts: Accounts
) -> None:
    comes_back(browser, provider)
    provider.person["sub"] = "5678"
    comes_back(browser, provider)
    names = [one.name for one in accounts.register.list_all()]
    assert len(names) == 2
    assert all(name.startswith("sso.ada.l.") for name in names)


@SQLITE
def test_nobody_signs_in_here_with_an_account_of_the_provider_but_local_ones_do(
    browser: FlaskClient, provider: OidcProvider, accounts: Accounts, hired: Hire
) -> None:
    comes_back(browser, provider)
    name = accounts.register.list_all()[0].name
    answer = browser.post("/review/login", data={"name": name, "password": "", "code": ""})
    assert answer.status_code == 401
    assert "Sign in with your organisation" in answer.text
    assert hired("root", "administrator").sees("/review/accounts") == 200


@SQLITE
def test_cookies_travel_as_they_should_behind_https(
    account_app: Flask, provider: OidcProvider
) -> None:
    doors: Doors = account_app.extensions["doors"]
    assert doors.review is not None
    secure = replace(doors.review, base_url="https://cds.example.org")
    browser = create_app(replace(doors, review=secure)).test_client()
    sent = browser.get("/review/oidc", base_url="https://localhost")
    cookie = sent.headers["Set-Cookie"]
    assert cookie.startswith("__Host-lamo-oidc=")
    assert "; Secure; HttpOnly; Path=/; SameSite=Lax" in cookie
    back = urlsplit(provider.lets_in(sent.headers["Location"]))
    answer = browser.get(f"{back.path}?{back.query}", base_url="https://localhost")
    given = [one for one in answer.headers.getlist("Set-Cookie") if "__Host-lamo-review=" in one]
    assert "; Secure; HttpOnly; Path=/; SameSite=Strict" in given[0]


def test_half_a_provider_and_odd_roles_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMO_OIDC_ISSUER", "https://idp.example/")
    monkeypatch.setenv("LAMO_OIDC_CLIENT_ID", "lamo")
    with pytest.raises(SettingsError, match="LAMO_OIDC_CLIENT_SECRET: found nothing, wanted"):
        read_settings({})
    monkeypatch.setenv("LAMO_OIDC_CLIENT_SECRET", "secret")
    monkeypatch.setenv("LAMO_OIDC_ROLES", "staff=god")
    with pytest.raises(SettingsError, match="LAMO_OIDC_ROLES: found 'staff=god', wanted which"):
        read_settings({})
    monkeypatch.setenv("LAMO_OIDC_ROLES", "cn=staff=reviewer auditors=compliance")
    assert read_settings({}).oidc_issuer == "https://idp.example/"
