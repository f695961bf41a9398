"""What a stop does to calls, and how it is thrown at the command line."""

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner, Result
from flask.testing import FlaskClient

from cds_service.audit.entries import ErrorEntry
from cds_service.audit.migrate import upgrade
from cds_service.cli import main
from cds_service.decision import decide as decide_call
from cds_service.errors import SwitchedOff
from cds_service.hooks.discovery import find_service
from cds_service.hooks.request import HookRequest
from cds_service.observing.metrics import exposition
from cds_service.settings import Settings
from cds_service.stops.switch import Switch, throw
from cds_service.tools import Tools, build_tools
from tests.calls import hook_call, new_call
from tests.cds_service.audit.test_entries import error
from tests.fakes import FakeDecide, FakeRecorder, FakeScorer
from tests.served import served
from tests.waiting import wait_until

REASON = "the table is wrong"


@pytest.fixture
def tools(tmp_path: Path) -> Iterator[Tools]:
    settings = Settings(var_dir=tmp_path)
    upgrade(settings.database_url)
    built = build_tools(settings, scorer=FakeScorer())
    yield built
    built.audit_log.close()


def stop(tools: Tools, scope: Any, name: str) -> None:
    switch = Switch(turn="stop", scope=scope, name=name, reason=REASON)
    throw(switch, tools.audit_log, "account/op")
    tools.stops.read()


def cards_of(tools: Tools) -> list[dict[str, Any]]:
    request = HookRequest.from_json(find_service("lamo-order-sign"), hook_call())
    return decide_call(request, new_call(), tools)


def test_a_stopped_rule_shows_no_card_and_what_it_found_is_recorded(tools: Tools) -> None:
    assert [card["source"]["topic"]["code"] for card in cards_of(tools)] == ["overprescription"]
    stop(tools, "rule", "overprescription")
    assert cards_of(tools) == []
    newest = tools.audit_log.list_events(limit=1)[0]
    assert newest.outcome == "no-card"
    [suppressed] = tools.audit_log.find_event(newest.event_id).body["suppressed"]
    assert (suppressed["rule"], suppressed["why"]) == ("overprescription", "switched off")
    assert (
        'lamo_switched_off{name="overprescription",scope="rule"} 1.0'
        in exposition(Path("none")).decode()
    )


def test_a_stopped_service_decides_nothing(tools: Tools) -> None:
    stop(tools, "service", "lamo-order-sign")
    with pytest.raises(SwitchedOff):
        cards_of(tools)
    assert [event.kind for event in tools.audit_log.list_events()] == ["administration"]


def test_a_call_of_a_stopped_service_is_refused_and_recorded_and_discovery_lists_it(
    client: FlaskClient, decide: FakeDecide, recorder: FakeRecorder
) -> None:
    decide.failure = SwitchedOff()
    answer = client.post("/cds-services/lamo-order-sign", json=hook_call())
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "300")
    outcome = answer.get_json()
    assert "cards" not in outcome
    assert "nothing was checked" in outcome["issue"][0]["diagnostics"]
    assert [(one.code, one.status) for one in recorder.errors] == [("SwitchedOff", 503)]
    listed = client.get("/cds-services").get_json()["services"]
    assert "lamo-order-sign" in [service["id"] for service in listed]


def test_it_is_a_refusal_in_the_log_and_no_failure(tools: Tools) -> None:
    entry: ErrorEntry = error(status=503, code="SwitchedOff")
    tools.audit_log.append_error(entry)
    assert tools.audit_log.find_event(entry.event_id).summary.outcome == "refused"


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments], env={"VAR_DIR": str(folder)})


def test_the_command_line_stops_lists_and_resumes(tools: Tools) -> None:
    folder = tools.settings.var_dir
    assert run(folder, "stops").output == "nothing is switched off\n"
    told = run(folder, "stop", "rule", "allergy", "--reason", REASON)
    assert (told.exit_code, "ok: rule allergy is switched off" in told.output) == (0, True)
    assert "rule allergy  since 20" in run(folder, "stops").output
    assert "switched off since" in run(folder, "stop", "rule", "allergy", "--reason", "x").output
    assert "Missing option '--reason'" in run(folder, "resume", "rule", "allergy").output
    assert run(folder, "resume", "rule", "allergy", "--reason", REASON).exit_code == 0
    [resumed, stopped] = tools.audit_log.list_events()
    assert (stopped.user_ref, resumed.user_ref) == ("operator", "operator")


def test_the_command_line_refuses_other_keys_than_those_of_the_log(
    tools: Tools, tmp_path_factory: pytest.TempPathFactory
) -> None:
    stop(tools, "rule", "allergy")
    (tools.settings.var_dir / "keys.json").unlink()
    told = run(tools.settings.var_dir, "resume", "rule", "allergy", "--reason", REASON)
    assert (told.exit_code, "there is no key file" in told.output) == (1, True)


def test_a_stop_takes_effect_in_every_process(tmp_path: Path) -> None:
    with served(tmp_path, LAMO_WORKERS="2") as running:
        url = f"{running.url}/cds-services/lamo-order-sign"
        assert requests.post(url, json=hook_call(), timeout=60).status_code == 200
        program = str(Path(sys.executable).parent / "lamo-cds")
        command = [program, "stop", "service", "lamo-order-sign", "--reason", REASON]
        subprocess.run(command, env=os.environ | {"VAR_DIR": str(tmp_path)}, check=True)
        post = partial(requests.post, url, json=hook_call(), timeout=60)
        wait_until(lambda: {post().status_code for _ in range(20)} == {503})
        ready = requests.get(f"{running.url}/readyz", timeout=60)
        assert '"switched off: service lamo-order-sign"' in ready.text
