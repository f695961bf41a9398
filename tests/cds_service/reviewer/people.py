"""People with accounts, browsers and authenticator apps, for tests of signing in."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any, Literal

import pyotp
from argon2 import PasswordHasher
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cds_service.audit.log import AuditLog, StoredEvent
from cds_service.reviewer.accounts.administration import By
from cds_service.reviewer.accounts.building import Accounts
from cds_service.reviewer.roles import Role

OPERATOR = By(user="operator", request_id=None)
PASSWORD = "correct horse battery"


class CountingHasher(PasswordHasher):
    """Remembers with which parameters it compared passwords."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)  # little
        self.compared: list[str] = []

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002
        self.compared.append(str(hash).rpartition("p=")[0])
        return super().verify(hash, password)


@dataclass
class Clock:
    """Time that goes on when it is told to."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self) -> datetime:
        return self.now

    def goes_on(self, **time: float) -> None:
        self.now += timedelta(**time)


@dataclass
class Person:
    """Somebody at a browser, with an app."""

    name: str
    browser: FlaskClient
    clock: Clock
    password: str = PASSWORD
    secret: str = ""

    def code(self) -> str:
        """What the app shows; never the same twice."""
        self.clock.goes_on(seconds=30)
        return pyotp.TOTP(self.secret).at(self.clock.now)

    def signs_in(self, **other: str) -> TestResponse:
        shown = {"name": self.name, "password": self.password}
        shown["code"] = other.get("code") or (self.code() if self.secret else "")
        return self.browser.post("/review/login", data=shown | other)

    def completes(self, **other: str) -> TestResponse:
        """The first sign-in."""
        page = self.browser.get("/review/enrol").get_data(as_text=True)
        if found := re.search(r"<code>([A-Z2-7]+)</code>", page):
            self.secret = found[1]
        shown = {"new": PASSWORD, "again": PASSWORD, "code": self.code(), "csrf": csrf_of(page)}
        answer = self.browser.post("/review/enrol", data=shown | other)
        if answer.status_code == 303:
            self.password = (shown | other)["new"]
        return answer

    def sends(self, url: str, **form: Any) -> TestResponse:
        """A form of the session."""
        page = self.browser.get("/review/account").get_data(as_text=True)
        return self.browser.post(url, data={"csrf": csrf_of(page)} | form)

    def sees(self, url: str = "/review/account") -> int:
        return self.browser.get(url).status_code


Hire = Callable[..., Person]


def csrf_of(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    return unescape(found[1]) if found else ""


def new_account(accounts: Accounts, name: str, roles: Sequence[Role]) -> str:
    """Make one; its one-time password."""
    return accounts.administration.add(name, frozenset(roles), OPERATOR)


def events(log: AuditLog, kind: str) -> list[StoredEvent]:
    """All events of a kind, newest first."""
    listed = [one for one in log.list_events(limit=1000) if one.kind == kind]
    return [log.find_event(one.event_id) for one in listed]


def told(log: AuditLog, kind: str) -> list[dict[str, Any]]:
    """Their bodies."""
    return [dict(one.body) for one in events(log, kind)]
