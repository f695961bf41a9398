"""The service that the pages are of, and who may sign in to it."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyotp
import requests
from click.testing import CliRunner

from cds_service.cli import main
from cds_service.reviewer.roles import Role
from tests.browser.browser import Browser
from tests.served import served

EXAMPLES = Path(__file__).parents[2] / "examples"
CALLS = ("patient-view", "order-select", "order-sign", "encounter-discharge", "order-sign")
PASSWORD = "three plain words"


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who has signed in for the first time."""

    name: str
    totp: pyotp.TOTP

    def next_code(self) -> str:
        """The code that the app shows next: the present one was taken, and is taken once."""
        return self.totp.at(time.time() + self.totp.interval)


@dataclass(frozen=True, slots=True)
class Service:
    """A running service."""

    url: str
    var_dir: Path
    decision: str  # the id of a decision with cards, some of which were answered
    _cookies: dict[frozenset[Role], list[dict[str, Any]]] = field(default_factory=dict)

    def sign_in(self, browser: Browser, *roles: Role) -> None:
        """Have the browser be somebody with these roles: for the first time through the pages."""
        known = frozenset(roles)
        if known not in self._cookies:
            self.first_sign_in(browser, "-".join(roles), *roles)
            self._cookies[known] = browser.driver.get_cookies()
        browser.open("/review/login")
        for cookie in self._cookies[known]:
            browser.driver.add_cookie(cookie)

    def first_sign_in(self, browser: Browser, name: str, *roles: Role) -> Account:
        """Make an account by the command, and complete its first sign-in in the browser."""
        once = self._add(name, *roles)
        browser.open("/review/login")
        browser.fill(name=name, password=once)
        browser.send("main button")
        totp = pyotp.TOTP(browser.find("main code").text)
        browser.fill(code=totp.now(), new=PASSWORD, again=PASSWORD)
        browser.send("main button")
        return Account(name, totp)

    def _add(self, name: str, *roles: Role) -> str:
        command = ["accounts", "add", name, *(f"--role={role}" for role in roles)]
        done = CliRunner(env={"VAR_DIR": str(self.var_dir)}).invoke(main, command)
        assert done.exit_code == 0, done.output
        return done.stdout.split()[-1]


@contextmanager
def started_service(var_dir: Path) -> Iterator[Service]:
    """Start it, make a few hook calls, and answer some of the cards."""
    with served(var_dir, LAMO_DEADLINE_MS="30000") as running:  # tests run on busy machines
        answers = [_call(running.url, name) for name in CALLS]
        cards = answers[2]["cards"]
        suggestion = {"id": cards[0]["suggestions"][0]["uuid"]}
        reason = {"code": "will-monitor", "system": "urn:lamo-cds:override-reason"}
        _report(running.url, cards[0], outcome="accepted", acceptedSuggestions=[suggestion])
        _report(running.url, cards[1], outcome="overridden", overrideReason={"reason": reason})
        yield Service(running.url, var_dir, _decision_of(cards))


def _call(url: str, name: str) -> Any:
    call = json.loads((EXAMPLES / f"{name}.json").read_text())
    answer = requests.post(f"{url}/cds-services/lamo-{name}", json=call, timeout=60)
    answer.raise_for_status()
    return answer.json()


def _report(url: str, card: Mapping[str, Any], **outcome: Any) -> None:
    told = {"card": card["uuid"], "outcomeTimestamp": "2026-01-31T12:00:00Z", **outcome}
    address = f"{url}/cds-services/lamo-order-sign/feedback"
    requests.post(address, json={"feedback": [told]}, timeout=60).raise_for_status()


def _decision_of(cards: list[dict[str, Any]]) -> str:
    """The decision's id, which stands at the end of every card."""
    return str(cards[0]["detail"].rpartition("Decision ")[2].rstrip("."))
