"""Scoring a decision again: the same model says the same, another one is compared."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cds_service.audit.entries import DecisionEntry, Table
from cds_service.audit.log import AuditLog
from cds_service.audit.migrate import upgrade
from cds_service.decision import decide
from cds_service.hooks.discovery import find_service
from cds_service.hooks.request import HookRequest
from cds_service.reviewer.replay import NotReplayed, Replayer
from cds_service.rows import SCORE_COLUMNS
from cds_service.settings import Settings
from cds_service.tools import Tools, build_tools
from lamo.artifact import Artifact
from lamo.deadline import Deadline
from lamo.prompts import Prompt
from tests.calls import hook_call, new_call
from tests.cds_service.audit.test_entries import decision
from tests.cds_service.reviewer.signing_in import CSRF, SignIn
from tests.fakes import FakeScorer

pytest_plugins = [
    "tests.cds_service.audit_fixtures",
    "tests.cds_service.reviewer.review_fixtures",
]
on_sqlite = pytest.mark.parametrize("database_server", ["sqlite"], indirect=True)


def recorded(artifact: Artifact, **changes: Any) -> DecisionEntry:
    """A decision of this artifact about its first three candidates, all of which scored -1."""
    rows = [
        (-1.0, 0.5, one.rxcui, one.label, round(one.recommend_at, 4), round(one.support_at, 4), 0.1)
        for one in artifact.vocabulary[:3]
    ]
    prompt = Prompt("Age: 50", artifact.prompt_version)
    entry = decision(
        prompt=prompt.text,
        prompt_version=prompt.version,
        prompt_sha256=prompt.sha256,
        model=artifact.identity(),
        scores=Table(columns=SCORE_COLUMNS, rows=rows),
    )
    return replace(entry, **changes)


def replayed(audit_log: AuditLog, sign_in: SignIn, entry: DecisionEntry) -> str:
    audit_log.append_decision(entry)
    address = f"/review/events/{entry.event_id}/replay"
    answer = sign_in("reviewer").post(address, data={"csrf": CSRF})
    assert answer.status_code == 200
    return answer.text


@pytest.fixture
def tools(tmp_path: Path) -> Iterator[Tools]:
    """The service with its bundled model."""
    settings = Settings(var_dir=tmp_path, deadline_ms=60_000)
    upgrade(settings.database_url)
    built = build_tools(settings)
    yield built
    built.audit_log.close()


def test_the_model_of_a_decision_says_the_same_again(tools: Tools) -> None:
    request = HookRequest.from_json(find_service("lamo-order-sign"), hook_call())
    decide(request, new_call(Deadline.after_ms(60_000)), tools)
    newest = tools.audit_log.list_events(limit=1)[0]
    body = tools.audit_log.find_event(newest.event_id).body
    found = Replayer(tools.scorer, tools.artifact).replay(body)
    assert (found.is_same_model, found.is_same_prompt, found.differing) == (True, True, [])
    assert len(found.rows) == len(tools.artifact.vocabulary)
    assert found.largest < 0.001
    assert (found.changed, found.other_thresholds) == ([], 0)
    assert "5640" in body["chosen"]["ordered"]  # ibuprofen


@on_sqlite
def test_the_page_says_that_the_scores_are_the_same(
    audit_log: AuditLog, signed_in: SignIn, scorer: FakeScorer, artifact: Artifact
) -> None:
    scorer.default = -1.00004
    text = replayed(audit_log, signed_in, recorded(artifact))
    assert "Replayed: the same model" in text
    assert "0 of 3 candidates stand otherwise" in text
    assert "Score then" in text
    assert "-0.0000" not in text


@on_sqlite
def test_other_scores_of_the_same_model_are_told_loudly(
    audit_log: AuditLog, signed_in: SignIn, scorer: FakeScorer, artifact: Artifact
) -> None:
    scorer.default = 90.0
    text = replayed(audit_log, signed_in, recorded(artifact))
    assert "give other scores: the largest difference is 91.0000" in text
    assert "3 of 3 candidates stand otherwise" in text


@on_sqlite
def test_another_model_is_a_comparison_and_says_what_differs(
    audit_log: AuditLog, signed_in: SignIn, artifact: Artifact
) -> None:
    model = artifact.identity() | {"sha256": "0" * 64, "version": "<b>", "adapters": {"old": "1"}}
    text = replayed(audit_log, signed_in, recorded(artifact, model=model))
    assert "a comparison, not a replay" in text
    assert "adapter old" in text
    assert "&lt;b&gt;" in text


@on_sqlite
@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"prompt": None}, "no prompt, or no score"),
        ({"scores": Table(columns=(), rows=())}, "no prompt, or no score"),
        ({"prompt_version": "lamo-0"}, "of version lamo-0"),
    ],
)
def test_what_cannot_be_scored_again_is_said(
    audit_log: AuditLog, signed_in: SignIn, artifact: Artifact, changes: Any, why: str
) -> None:
    assert why in replayed(audit_log, signed_in, recorded(artifact, **changes))


@on_sqlite
def test_a_model_that_is_busy_is_said_to_be(
    audit_log: AuditLog, signed_in: SignIn, scorer: FakeScorer, artifact: Artifact
) -> None:
    scorer.outage = "9 other calls are at the model"
    assert "9 other calls" in replayed(audit_log, signed_in, recorded(artifact))


@on_sqlite
def test_an_operator_scores_nothing_again(
    audit_log: AuditLog, signed_in: SignIn, artifact: Artifact
) -> None:
    entry = recorded(artifact)
    audit_log.append_decision(entry)
    answer = signed_in("operator").post(
        f"/review/events/{entry.event_id}/replay", data={"csrf": CSRF}
    )
    assert answer.status_code == 403


class SlowScorer(FakeScorer):
    """Waits until it may go on."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.may_end = threading.Event(), threading.Event()

    def score(
        self, prompt: Prompt, candidates: Sequence[str], deadline: Deadline
    ) -> Mapping[str, float]:
        self.begun.set()
        assert self.may_end.wait(60)
        return super().score(prompt, candidates, deadline)


def test_one_decision_is_scored_again_at_a_time(artifact: Artifact) -> None:
    slow, entry = SlowScorer(), recorded(artifact)
    body = {
        "prompt": entry.prompt,
        "prompt_version": entry.prompt_version,
        "scores": entry.scores.as_rows(),
    }
    replayer = Replayer(slow, artifact)
    first = threading.Thread(target=replayer.replay, args=(body,))
    first.start()
    assert slow.begun.wait(60)
    with pytest.raises(NotReplayed, match="another decision is being scored again"):
        replayer.replay(body)
    slow.may_end.set()
    first.join()
    assert len(replayer.replay(body).rows) == 3
