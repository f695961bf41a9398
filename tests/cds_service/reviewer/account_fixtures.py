"""Fixtures for signing in for real; see people.py.

A test module names this module, ``review_fixtures`` beside it and
``tests.cds_service.audit_fixtures`` in ``pytest_plugins``.
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask

from cds_service.audit.log import AuditLog
from cds_service.doors import Doors
from cds_service.keys.service import KeyService
from cds_service.reviewer.accounts.building import AccountParts, Accounts, build_accounts
from cds_service.reviewer.accounts.passwords import Passwords
from cds_service.reviewer.roles import Role
from cds_service.settings import Settings
from cds_service.web.app import create_app
from tests.cds_service.reviewer.people import Clock, CountingHasher, Hire, Person, new_account


@pytest.fixture
def clock() -> Clock:
    """The time of accounts and sessions."""
    return Clock()


@pytest.fixture
def account_settings(audit_url: str) -> Settings:
    """Settings without an identity provider."""
    return Settings(database_url=audit_url, deadline_ms=60_000)


@pytest.fixture
def hasher() -> CountingHasher:
    """What hashes passwords, at little cost."""
    return CountingHasher()


@pytest.fixture
def account_parts(
    audit_log: AuditLog, audit_keys: KeyService, clock: Clock, hasher: CountingHasher
) -> AccountParts:
    """What accounts are built around, at the time of the clock."""
    return AccountParts(log=audit_log, keys=audit_keys, passwords=Passwords(hasher), clock=clock)


@pytest.fixture
def accounts(account_settings: Settings, account_parts: AccountParts) -> Iterator[Accounts]:
    """The accounts of the settings."""
    built = build_accounts(account_settings, account_parts)
    yield built
    built.close()


@pytest.fixture
def account_app(review_app: Flask, accounts: Accounts) -> Flask:
    """The web part, with real accounts at its door."""
    doors: Doors = review_app.extensions["doors"]
    assert doors.review is not None
    find = accounts.sessions.find_viewer
    return create_app(
        replace(doors, review=replace(doors.review, accounts=accounts, find_viewer=find))
    )


@pytest.fixture
def newcomer(account_app: Flask, accounts: Accounts, clock: Clock) -> Hire:
    """Makes a person who was handed a one-time password."""

    def hire(name: str, *roles: Role) -> Person:
        password = new_account(accounts, name, roles)
        return Person(name, account_app.test_client(), clock, password)

    return hire


@pytest.fixture
def hired(newcomer: Hire) -> Hire:
    """Makes a person who is signed in, and has completed the first sign-in."""

    def hire(name: str, *roles: Role) -> Person:
        person = newcomer(name, *roles)
        assert person.signs_in().status_code == 303
        assert person.completes().status_code == 303
        return person

    return hire
