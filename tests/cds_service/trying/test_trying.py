"""The tour and the replay before the real service."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cds_service.cds_client.client import CallFailed
from cds_service.cli import main
from cds_service.trying.replay import recordings_in
from cds_service.trying.tour import EXAMPLES
from tests.calls import PATIENT
from tests.cds_service.deployments import Deployed

pytest_plugins = ["tests.cds_service.trying_fixtures"]

FOLDER = Path(__file__).parents[3] / "examples"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(one) for one in arguments])


def told(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_every_stop_of_the_tour_is_as_it_has_to_be(deployed: Deployed) -> None:
    result = run("sandbox", "tour", "--url", deployed.url, "--examples", FOLDER, "--json")
    assert [f"{one['stop']}: {one['verdict']}" for one in told(result) if not one["ok"]] == []
    assert result.exit_code == 0
    assert [one["stop"] for one in told(result)][:4] == list(EXAMPLES)
    assert len(told(result)) > len(EXAMPLES)


def test_the_tour_is_a_story(deployed: Deployed, tmp_path: Path) -> None:
    result = run("sandbox", "tour", "--url", deployed.url, "--patients-only")
    assert "ok: as it has to be: silence" in result.stdout
    assert "stops are as they have to be" in result.stdout
    missing = run("sandbox", "tour", "--url", deployed.url, "--examples", tmp_path)
    assert missing.stderr.startswith("Error: there is no patient-view.json")


def test_the_recorded_calls_are_answered(deployed: Deployed, test_data: Path) -> None:
    deployed.fhir.answers.update(
        {f"Patient/{one}": PATIENT | {"id": one} for one in _patients(test_data)}
    )
    deployed.fhir.default = {"resourceType": "Bundle", "type": "searchset"}
    folder = test_data / "data" / "hook_requests"
    result = run(
        "sandbox", "replay", "--url", deployed.url, folder, "--fhir", deployed.fhir.base, "--json"
    )
    assert [one["status"] for one in told(result)] == [200] * 15
    assert result.exit_code == 0


def test_what_has_changed_since_the_recording_is_told(deployed: Deployed, tmp_path: Path) -> None:
    url, kept = ("--url", deployed.url), tmp_path / "order-sign.json"
    assert run("sandbox", "replay", *url, FOLDER / kept.name, "--record", tmp_path).exit_code == 0
    assert run("sandbox", "replay", *url, tmp_path).exit_code == 0

    recording = json.loads(kept.read_text())
    recording["response"]["body"]["cards"][0]["summary"] = "Something\x1b else"
    kept.write_text(json.dumps(recording))
    result = run("sandbox", "replay", *url, tmp_path)
    assert result.exit_code == 1
    assert "differs: no longer there: critical: Something else" in result.stdout
    assert "differs: new: critical: Consider an alternative to amoxicillin" in result.stdout


def test_a_refused_call_is_told_with_its_reason(deployed: Deployed, tmp_path: Path) -> None:
    call = json.loads((FOLDER / "order-sign.json").read_text())
    (tmp_path / "call.json").write_text(json.dumps(call | {"prefetch": {}}))
    for command in (["demo"], ["sandbox", "replay"]):
        result = run(*command, "--url", deployed.url, tmp_path / "call.json")
        assert result.exit_code == 1
        assert "Error: prefetch.patient is missing" in result.stderr


def test_the_demo_prints_cards(deployed: Deployed) -> None:
    result = run("demo", "--url", deployed.url, FOLDER / "order-sign.json")
    assert result.exit_code == 0
    assert "1. CRITICAL  Consider an alternative to amoxicillin" in result.stdout


@pytest.mark.parametrize("text", ["{", "[]", '{"body": {"feedback": []}}'])
def test_a_file_without_a_call_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(CallFailed, match=r"x\.json"):
        list(recordings_in(tmp_path / "x.json"))


def test_a_hook_that_nobody_answers_is_told(deployed: Deployed, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"hook": "appointment-book", "context": {}}')
    result = run("sandbox", "replay", "--url", deployed.url, tmp_path / "x.json")
    assert "offers no service for the hook 'appointment-book'" in result.stderr


def _patients(test_data: Path) -> set[str]:
    recordings = recordings_in(test_data / "data" / "hook_requests")
    return {one.call["context"]["patientId"] for one in recordings}
