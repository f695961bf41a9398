"""The embedded scorer as it is started, asked by the remote scorer."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner

from cds_service.cli import main
from lamo.artifact import Artifact, bundled_artifact_folder, load_artifact
from lamo.deadline import Deadline
from lamo.prompts import render_prompt
from lamo.scoring.device import DeviceMissing, check_device
from lamo.scoring.local import LocalScorer
from lamo.scoring.remote.check import ServerRefused, check_server
from lamo.scoring.remote.scorer import RemotePlan, RemoteScorer, adapter_names
from tests.lamo.records import patient
from tests.served import Served, served
from tests.waiting import wait_until

KEY = "a key for the scorer"


@pytest.fixture(scope="module")
def artifact() -> Artifact:
    return load_artifact(bundled_artifact_folder())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder, command = (
        tmp_path_factory.mktemp("scorer"),
        [str(Path(sys.executable).parent / "lamo-cds"), "scorer", "serve"],
    )
    settings = {"LAMO_SCORER_KEY": KEY, "LAMO_MODEL_QUEUE": "1000"}
    with served(folder, command, **settings) as running:
        yield running


def remote(server: Served, artifact: Artifact, key: str | None = KEY) -> RemoteScorer:
    return RemoteScorer(artifact, RemotePlan(url=server.url, dialect="vllm", key=key))


def ask(server: Served, **body: Any) -> requests.Response:
    headers = {"Authorization": f"Bearer {KEY}"}
    return requests.post(f"{server.url}/generative_scoring", json=body, headers=headers, timeout=60)


def question(artifact: Artifact, **changed: Any) -> dict[str, Any]:
    answers = [artifact.answer_token_ids[word] for word in ("Yes", "No")]
    return {
        "model": next(iter(adapter_names(artifact).values())),
        "query": [1, 2, 3],
        "items": [],
        "label_token_ids": answers,
        "apply_softmax": True,
        "add_special_tokens": False,
    } | changed


def test_it_passes_the_check_and_scores_as_the_engine_in_this_process(
    server: Served, artifact: Artifact
) -> None:
    scorer, local = remote(server, artifact), LocalScorer(artifact)
    assert check_server(scorer, 0.01) < 0.01
    prompt = render_prompt(patient(), None, artifact.prompt_plan)[0]
    labels = [entry.label for entry in artifact.vocabulary]
    later = Deadline.after_ms(60_000)
    here = local.score(prompt, labels, later)
    assert scorer.score(prompt, labels, later) == pytest.approx(here, abs=1e-4)


@pytest.mark.parametrize("key", [None, "another key"])
def test_without_the_key_nothing_is_told_but_health(
    server: Served, artifact: Artifact, key: str | None
) -> None:
    with pytest.raises(ServerRefused, match="answered 401 to /v1/models"):
        check_server(remote(server, artifact, key))
    wait_until(server.is_ready)


@pytest.mark.parametrize(
    ("changed", "status", "told"),
    [
        ({"model": "group-0"}, 404, "no such model"),
        ({"items": [[1]]}, 400, "not this group's"),
        ({"label_token_ids": [1, 2]}, 400, "not this group's"),
        ({"query": "Age: 70", "items": 3}, 400, "another form in items, query"),
        ({"query": [1] * 100_000}, 503, "the prompt has 100000 tokens"),
    ],
)
def test_what_is_not_of_this_artifact_is_refused(
    server: Served, artifact: Artifact, changed: dict[str, Any], status: int, told: str
) -> None:
    answer = ask(server, **question(artifact, **changed))
    assert (answer.status_code, told in answer.json()["error"]["message"]) == (status, True)


def test_its_log_holds_no_key_and_no_token(server: Served, artifact: Artifact) -> None:
    ask(server, **question(artifact, query=[987_654]))
    log = server.log.read_text()
    assert "answered" in log
    assert KEY not in log
    assert "987654" not in log


def test_others_may_not_reach_it_without_a_key() -> None:
    result = CliRunner().invoke(main, ["scorer", "serve"], env={"HOST": "0.0.0.0"})  # noqa: S104
    assert result.exit_code == 1
    assert "LAMO_SCORER_KEY is not set" in result.output


def test_where_torch_is_not_installed_a_model_here_is_refused() -> None:
    with pytest.raises(DeviceMissing, match="set LAMO_SCORER_URL"):
        check_device("cpu", has_torch=lambda: False)
