"""The 80 invented patients: what must be shown is shown, and what must not be is not.

The model is a scripted one that supports every order and every suggestion strongly, so that what
is withheld is withheld by the rules.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cds_service.audit.migrate import upgrade
from cds_service.decision import decide
from cds_service.hooks.discovery import find_service
from cds_service.hooks.request import HookRequest
from cds_service.settings import Settings
from cds_service.tools import Tools, build_tools
from tests.calls import new_call
from tests.cds_service.card_rules import assert_valid_cards
from tests.fakes import FakeScorer
from tests.patients import Shown, broken, call_of, cases, shown

CASES = cases()
TWINS = sorted({case["name"][:-2] for case in CASES if case["name"][-2:] in ("-a", "-b")})


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tools]:
    folder: Path = tmp_path_factory.mktemp("patients")
    settings = Settings(var_dir=folder)
    upgrade(settings.database_url)
    built = build_tools(settings, scorer=FakeScorer(default=20.0))
    yield replace(built, clock=lambda: datetime(2026, 11, 25, 12, tzinfo=UTC))
    built.audit_log.close()


def shown_for(case: dict[str, Any], tools: Tools) -> list[Shown]:
    hook = case["hook"]
    request = HookRequest.from_json(find_service(f"lamo-{hook}"), call_of(case))
    cards = decide(request, new_call(), tools)
    assert_valid_cards(cards, "p1")
    newest = tools.audit_log.list_events(limit=1)[0]
    body = tools.audit_log.find_event(newest.event_id).body
    return shown(body, case, tools.tables.formulary)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_what_must_be_shown_is_and_what_must_not_be_is_not(
    case: dict[str, Any], tools: Tools
) -> None:
    assert not list(broken(shown_for(case, tools), case)), case["about"]


@pytest.mark.parametrize("name", TWINS)
def test_twins_differ_in_what_they_are_about_and_in_nothing_else(name: str, tools: Tools) -> None:
    first, second = (case for case in CASES if case["name"][:-2] == name)
    wanted = [*first["must"], *second["must"], *first["must_not"], *second["must_not"]]
    about = {row["rule"] for row in wanted} - {"any"}
    one, other = (
        {(row.rule, row.severity) for row in shown_for(case, tools)} for case in (first, second)
    )

    assert one != other
    assert {rule for rule, _ in one ^ other} <= about


def test_there_are_eighty_patients_and_twins_among_them() -> None:
    assert len(CASES) == 80
    assert len(TWINS) >= 15
