"""`lamo-cds model` in a terminal, and what a running service makes of it."""

import json
import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner, Result

from cds_service.cli import main
from lamo.artifact import Artifact, read_manifest, write_manifest
from tests.calls import hook_call
from tests.cds_service.artifacts.second import second_artifact
from tests.served import Served, served
from tests.waiting import wait_until


def run(folder: Path, *arguments: str, **environment: str) -> Result:
    env = {"VAR_DIR": str(folder)} | environment
    return CliRunner().invoke(main, ["model", *arguments], env=env)


@pytest.fixture
def second(tmp_path: Path) -> str:
    """The name of a second artefact that was added."""
    made = second_artifact(tmp_path / "made")
    told = run(tmp_path, "add", str(tmp_path / "made"))
    assert (told.exit_code, f"ok: second-1-{made.sha256[:12]} is in" in told.output) == (0, True)
    return f"second-1-{made.sha256[:12]}"


def listed(folder: Path, **environment: str) -> list[dict[str, Any]]:
    lines = run(folder, "list", "--json", **environment).output.splitlines()
    return [json.loads(line) for line in lines]


def test_a_model_is_activated_listed_and_rolled_back(tmp_path: Path, second: str) -> None:
    assert [row["roles"] for row in listed(tmp_path)] == [["active"], []]
    told = run(tmp_path, "activate", second)
    assert told.output.startswith(f"ok: active: {second}\nit takes effect at the next start")
    bundled, ours = listed(tmp_path)
    assert (bundled["roles"], ours["roles"], ours["is_demonstration"]) == ([], ["active"], True)
    assert f"{second}  active  demonstration  trained on synthetic" in run(tmp_path, "list").output
    assert "ok: active: lamo-demo-2-" in run(tmp_path, "rollback").output
    refused = run(tmp_path, "rollback")
    assert (refused.exit_code, "no model was active before" in refused.output) == (1, True)


def test_shadow_and_canary_are_chosen_and_taken_back(tmp_path: Path, second: str) -> None:
    assert run(tmp_path, "shadow", second).output.startswith(f"ok: shadow: {second}\n")
    chosen = run(tmp_path, "canary", second, "--client", "anonymous")
    assert chosen.output.startswith(f"ok: canary: {second}\n")
    assert listed(tmp_path)[1]["roles"] == ["shadow", "canary for anonymous"]
    told = run(tmp_path, "canary", second, "--client", "wrad")
    assert (told.exit_code, "no client is registered as wrad" in told.output) == (1, True)
    for role in ("shadow", "canary"):
        assert f"ok: {role}: none\n" in run(tmp_path, role, "--off").output
    assert listed(tmp_path)[1]["roles"] == []
    assert "no shadow has scored a call" in run(tmp_path, "compare").output


def test_a_shadow_that_is_served_is_the_shadow_no_more(tmp_path: Path, second: str) -> None:
    ended = "it was the shadow, and is so no more"
    run(tmp_path, "shadow", second)
    assert ended in run(tmp_path, "activate", second).output
    assert [row["roles"] for row in listed(tmp_path)] == [[], ["active"]]
    bundled = listed(tmp_path)[0]["name"]
    assert ended not in run(tmp_path, "activate", bundled).output
    run(tmp_path, "shadow", second)
    assert ended in run(tmp_path, "rollback").output
    assert [row["roles"] for row in listed(tmp_path)] == [[], ["active"]]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["shadow"], "wanted NAME, or --off"),
        (["shadow", "one", "--off"], "wanted NAME, or --off"),
        (["canary", "one"], "--client for each client"),
        (["activate", "absent"], "no artefact of this name"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, arguments: list[str], says: str) -> None:
    told = run(tmp_path, *arguments)
    assert told.exit_code != 0
    assert says in told.output


def test_the_bundled_one_is_verified_down_to_its_probe(tmp_path: Path) -> None:
    told = run(tmp_path, "verify")
    assert told.exit_code == 0
    assert "ok: the answer tokens are those of the tokenizer" in told.output
    assert "ok: the probe scores as in training (at most 0.0" in told.output


def changed(artifact: Artifact, **members: Any) -> None:
    """Pack it anew with other members: every hash is right again."""
    fields = {name: getattr(artifact, name) for name in Artifact.__dataclass_fields__}
    write_manifest(Artifact(**fields | members))


@pytest.mark.parametrize(
    ("member", "says"),
    [
        ("answer_token_ids", "does not begin 'Yes' with token 7"),
        ("probe", "where its training said"),
        ("vocabulary", "1 of its medications are in no group (Metformin)"),
    ],
)
def test_an_artefact_that_is_not_what_it_says_is_not_activated(
    tmp_path: Path, member: str, says: str
) -> None:
    made = second_artifact(tmp_path / "made")
    first = next(one for one in made.vocabulary if one.label == "Metformin")
    astray = type(first)(rxcui=first.rxcui, label="Metformin", group="none", base_rate=0.1,
        slope=1.0, bias=0.0, recommend_at=0.0, support_at=0.0)  # fmt: skip
    members: dict[str, Any] = {
        "answer_token_ids": {"Yes": 7, "No": 321},
        "probe": {label: value + 1 for label, value in made.probe.items()},
        "vocabulary": tuple(astray if one is first else one for one in made.vocabulary),
    }
    changed(made, **{member: members[member]})
    name = run(tmp_path, "add", str(made.folder)).output.split()[1]
    told = run(tmp_path, "activate", name)
    assert (told.exit_code, says in told.output) == (1, True), told.output
    assert listed(tmp_path)[0]["roles"] == ["active"]


def model_of(running: Served) -> str:
    """The model of the process that answers."""
    card = requests.get(f"{running.url}/model-card", timeout=60).json()
    return str(card["model"]["name"])


def call_on(running: Served, ended: threading.Event, statuses: list[int]) -> None:
    """Call until told to end."""
    url = f"{running.url}/cds-services/lamo-order-sign"
    while not ended.is_set():
        statuses.append(requests.post(url, json=hook_call(), timeout=60).status_code)


def test_a_running_service_takes_another_model_without_a_refused_call(
    tmp_path: Path, second: str
) -> None:
    folder, ended, statuses = tmp_path, threading.Event(), list[int]()
    with served(folder, LAMO_WORKERS="2") as running:
        caller = threading.Thread(target=call_on, args=(running, ended, statuses))
        caller.start()
        assert model_of(running) == "lamo-demo"
        assert "the running service loads it now" in run(folder, "activate", second).output
        wait_until(lambda: {model_of(running) for _ in range(20)} == {"second"})
        ended.set()
        caller.join()
        # what is broken by now is refused, and what is served stays
        manifest = folder / "models" / second / "manifest.json"
        manifest.write_text(manifest.read_text() + " ")
        os.kill(running.pid, signal.SIGHUP)
        wait_until(lambda: "the models are as before" in running.log.read_text())
        assert model_of(running) == "second"
    assert set(statuses) == {200}


def test_a_broken_choice_stops_a_start_and_says_what_to_do(tmp_path: Path, second: str) -> None:
    run(tmp_path, "activate", second)
    manifest = tmp_path / "models" / second / "manifest.json"
    manifest.write_text(manifest.read_text() + " ")
    assert read_manifest(manifest.parent).name == "second"
    told = CliRunner().invoke(main, ["serve"], env={"VAR_DIR": str(tmp_path)})
    assert told.exit_code == 1
    assert "go back with `lamo-cds model rollback`" in told.output
