"""A canary answers its clients; a shadow looks at what was answered, and shows nobody."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cds_service.artifacts.compare import Report, compare
from cds_service.artifacts.models import Models
from cds_service.artifacts.shadow import MOST_WAITING, Shadow
from cds_service.audit.keeping import Keeper
from cds_service.audit.migrate import upgrade
from cds_service.audit.vault import Whom
from cds_service.hooks.discovery import find_service
from cds_service.hooks.request import HookRequest
from cds_service.keys.building import build_keys
from cds_service.observing.metrics import exposition
from cds_service.serve import answering
from cds_service.settings import Settings
from cds_service.tools import LoadedModel, Tools, load, open_tools, with_model
from lamo.artifact import Artifact, bundled_artifact_folder, load_artifact
from tests.calls import hook_call, new_call
from tests.cds_service.artifacts.second import second_artifact
from tests.fakes import FakeScorer

SCORES = 211  # candidates of both


@pytest.fixture
def second(tmp_path: Path) -> Artifact:
    return second_artifact(tmp_path / "second")


@pytest.fixture
def tools(tmp_path: Path, second: Artifact) -> Iterator[Tools]:
    """The bundled model, to which no order is fine, and the second one for the client "ward"."""
    settings = Settings(var_dir=tmp_path)
    upgrade(settings.database_url)
    served = load_artifact(bundled_artifact_folder())
    clients = frozenset({"ward"})
    loaded = load(settings, Models(served=served, canary=second, canary_clients=clients))
    canary = loaded.canary and replace(loaded.canary, scorer=FakeScorer())
    built = open_tools(settings, replace(loaded, canary=canary), FakeScorer())
    yield built
    built.audit_log.close()


def beside(tools: Tools, second: Artifact, scorer: FakeScorer) -> Tools:
    """The same tools with the second model as a shadow."""
    model = LoadedModel(artifact=second, prompts=tools.prompts, scorer=scorer)
    return replace(tools, shadow=Shadow(with_model(tools, model)))


def cards_of(tools: Tools, client: str = "clinic") -> list[dict[str, Any]]:
    request = HookRequest.from_json(find_service("lamo-order-sign"), hook_call())
    call = new_call()
    return answering(tools)(request, replace(call, caller=replace(call.caller, client=client)))


def shadows_of(tools: Tools) -> list[Any]:
    assert tools.shadow is not None
    tools.shadow.wait()
    return list(tools.audit_log.events_of_kind("shadow"))


def counted(outcome: str) -> float:
    lines = exposition(Path("none")).decode().splitlines()
    name = f'lamo_shadow_total{{outcome="{outcome}"}} '
    return sum(float(line.removeprefix(name)) for line in lines if line.startswith(name))


def test_a_canary_answers_its_clients_alone_and_the_decision_says_which(tools: Tools) -> None:
    assert (len(cards_of(tools)), len(cards_of(tools, "ward"))) == (1, 0)
    by_clinic, by_ward = tools.audit_log.events_of_kind("decision")
    assert (by_clinic["client"], by_clinic["model"]["name"]) == ("clinic", "lamo-demo")
    assert (by_ward["client"], by_ward["model"]["name"]) == ("ward", "second")


def test_a_shadow_is_recorded_beside_the_decision_and_changes_nothing_of_it(
    tools: Tools, second: Artifact
) -> None:
    tools = beside(tools, second, FakeScorer())
    cards = cards_of(tools)
    [event] = shadows_of(tools)
    [decision] = tools.audit_log.events_of_kind("decision")
    assert (event["decision_event_id"], decision["cards"]) == (decision["event_id"], cards)
    assert (event["model"]["name"], event["served"]) == ("second", tools.artifact.sha256)
    assert event["cards"] == {"served": 1, "shadow": 0}
    assert event["unsupported"] == {"both": 0, "served": 1, "shadow": 0}
    assert (len(event["scores"]), event["patient_id"]) == (SCORES, "p1")
    assert event["patient"] == decision["patient"]


def test_what_a_shadow_says_of_a_patient_is_protected_and_erased_with_the_patient(
    tools: Tools, second: Artifact
) -> None:
    tools = beside(tools, second, FakeScorer())
    cards_of(tools)
    [event] = shadows_of(tools)
    Keeper(tools.settings.database_url, build_keys(tools.settings)).erase(
        Whom(client="clinic", patient_id="p1"), lambda _: 0
    )
    [left] = tools.audit_log.events_of_kind("shadow")
    assert set(event) - set(left) == {"patient_id", "chosen", "differences", "scores"}
    [report] = compare([left])
    assert (report.calls, report.closed, report.groups) == (1, 1, {})


def test_no_answer_waits_for_a_shadow_that_is_down_or_has_too_much(
    tools: Tools, second: Artifact
) -> None:
    tools = beside(tools, second, FakeScorer(outage="it is down"))
    dropped, failed = counted("dropped"), counted("failed")
    assert tools.shadow is not None
    with tools.shadow.waiting():  # another call is in hand all the while
        for _ in range(MOST_WAITING + 3):
            assert len(cards_of(tools)) == 1
    assert shadows_of(tools) == []
    assert counted("dropped") - dropped in (2, 3)  # one may be in the thread's hands
    assert counted("failed") - failed in (MOST_WAITING, MOST_WAITING + 1)


def test_a_call_that_was_not_scored_is_not_looked_at(tools: Tools, second: Artifact) -> None:
    tools = beside(replace(tools, scorer=FakeScorer(outage="down")), second, FakeScorer())
    cards_of(tools)
    assert shadows_of(tools) == []


def event_of(**changes: Any) -> dict[str, Any]:
    group = {"count": 2, "sum": -1.0, "sum_abs": 3.0, "most": 2.0}
    return {
        "served": "a" * 64,
        "model": {"sha256": "b" * 64, "name": "second", "version": "1"},
        "score_ms": {"served": 10.0, "shadow": 30.0},
        "cards": {"served": 3, "shadow": 1},
        "proposed": {"both": 1, "served": 1, "shadow": 2},
        "unsupported": {"both": 0, "served": 0, "shadow": 0},
        "differences": {"b-blood": group},
    } | changes


def test_the_report_adds_up_event_by_event() -> None:
    more = event_of(cards={"served": 0, "shadow": 4}, score_ms={"served": 20.0, "shadow": 10.0})
    [report] = compare(iter([event_of(), more]))
    told = report.to_json()
    assert told["proposed"] == {"both": 2, "served": 2, "shadow": 4, "agreement": 0.25}
    assert told["unsupported"]["agreement"] is None
    assert told["cards"] == {"served": 3, "shadow": 5, "more": 4, "fewer": 2}
    assert told["mean_score_ms"] == {"served": 15.0, "shadow": 20.0}
    blood = {"candidates": 4, "mean": -0.5, "mean_size": 1.5, "most": 2.0}
    assert told["groups"] == {"b-blood": blood}


def test_two_shadows_are_two_reports_and_people_can_read_them() -> None:
    third = event_of(model={"sha256": "c" * 64, "name": "third", "version": "2"})
    reports: list[Report] = compare([event_of(), third, event_of()])
    assert [(one.name, one.calls) for one in reports] == [("second 1", 2), ("third 2", 1)]
    text = "\n".join(reports[1].lines())
    assert "proposed: 25.0% agree; both 1, served alone 1, shadow alone 2" in text
    assert "unsupported: none by either" in text


def test_events_are_read_page_by_page_from_a_moment_on(tools: Tools, second: Artifact) -> None:
    tools = beside(tools, second, FakeScorer())
    cards_of(tools)
    assert len(shadows_of(tools)) == 1
    later = datetime.now(UTC) + timedelta(seconds=5)
    assert list(tools.audit_log.events_of_kind("shadow", later)) == []
