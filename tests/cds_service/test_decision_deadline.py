"""The one deadline of a call: its work ends before it, and its record gets the rest."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from cds_service.answers import Answers
from cds_service.audit.database import AuditFailure
from cds_service.audit.entries import DecisionEntry
from cds_service.audit.log import AuditLog
from cds_service.audit.migrate import upgrade
from cds_service.audit.vault import Whom
from cds_service.decision import decide
from cds_service.errors import AuditUnavailable
from cds_service.hooks.discovery import find_service
from cds_service.hooks.request import HookRequest
from cds_service.keys.building import build_keys
from cds_service.settings import Settings
from cds_service.tools import Tools, build_tools
from lamo.deadline import Deadline
from lamo.prompts import Prompt
from tests.calls import hook_call, new_call
from tests.fakes import FakeScorer
from tests.hanging import Hang
from tests.waiting import in_some_tries, wait_until

DEADLINE_MS = 500  # of which the record gets a tenth of a second


class Forgetful(AuditLog):
    """Takes entries, and cannot be read."""

    def overridden(self, *_: object) -> Answers:
        raise AuditFailure("it is down")


class Hanging(AuditLog):
    """Answers nothing until it is let go."""

    hang, commits = Hang(), threading.Event()

    def overridden(self, whom: Whom, user: str, since: datetime) -> Answers:
        self.hang.wait()
        return super().overridden(whom, user, since)

    def append_decision(self, entry: DecisionEntry) -> bytes:
        self.commits.set()
        self.hang.wait()
        return super().append_decision(entry)


@dataclass
class LateScorer(FakeScorer):
    """Takes longer than a call has, by its own clock."""

    now: float = 0.0

    def score(
        self, prompt: Prompt, candidates: Sequence[str], deadline: Deadline
    ) -> Mapping[str, float]:
        self.now += 1.5 * DEADLINE_MS / 1000
        return super().score(prompt, candidates, deadline)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = Settings(var_dir=tmp_path, deadline_ms=DEADLINE_MS)
    upgrade(made.database_url)
    return made


@pytest.fixture
def tools(settings: Settings) -> Iterator[Tools]:
    built = build_tools(settings, scorer=FakeScorer())
    yield built
    built.audit_log.close()


def cards_of(tools: Tools, deadline_ms: float = 60_000) -> list[dict[str, Any]]:
    request = HookRequest.from_json(find_service("lamo-order-sign"), hook_call())
    return decide(request, new_call(Deadline.after_ms(deadline_ms)), tools)


def newest(tools: Tools) -> Mapping[str, Any]:
    event = tools.audit_log.list_events(limit=1)[0]
    return tools.audit_log.find_event(event.event_id).body


def test_overrides_that_cannot_be_read_are_a_gap_and_the_cards_are_shown(tools: Tools) -> None:
    forgetful = replace(
        tools, audit_log=Forgetful(tools.settings.database_url, build_keys(tools.settings))
    )
    assert len(cards_of(forgetful)) == len(cards_of(tools)) > 0
    assert "overrides-not-read" not in str(newest(tools)["gaps"])
    cards_of(forgetful)
    assert "overrides-not-read" in str(newest(tools)["gaps"])
    forgetful.audit_log.close()


def test_a_call_whose_work_took_all_its_time_is_recorded_all_the_same(tools: Tools) -> None:
    request = HookRequest.from_json(find_service("lamo-order-sign"), hook_call())

    def decided() -> int:
        scorer = LateScorer()
        deadline = Deadline.after_ms(DEADLINE_MS, clock=lambda: scorer.now)
        cards = decide(request, new_call(deadline), replace(tools, scorer=scorer))
        assert deadline.left_s() == 0
        return len(cards)

    count = in_some_tries(decided, despite=AuditUnavailable)
    assert count == len(newest(tools)["cards"])


def test_a_log_that_hangs_refuses_the_cards_in_time_and_may_have_the_entry_later(
    tools: Tools,
) -> None:
    hanging = replace(
        tools, audit_log=Hanging(tools.settings.database_url, build_keys(tools.settings))
    )
    while not Hanging.commits.is_set():
        with pytest.raises(AuditUnavailable, match="no card leaves"):
            cards_of(hanging, DEADLINE_MS)
    assert not Hanging.hang.was_waited_for
    Hanging.hang.end()
    wait_until(lambda: tools.audit_log.list_events(limit=1))
    hanging.audit_log.close()
