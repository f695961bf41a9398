"""A real scoring server against the engine in this process, several callers at once.

    python scripts/write_gguf.py lamo/demo_artifact /tmp/gguf     # and start what it prints
    export LAMO_TEST_SCORER_URL=http://127.0.0.1:8089 LAMO_TEST_SCORER_DIALECT=llama.cpp
    pytest tests/contract

LAMO_TEST_SCORER_ARTIFACT names the artifact that the server has; the bundled one, if it is not set.
"""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from lamo.artifact import Artifact, bundled_artifact_folder, load_artifact
from lamo.deadline import Deadline
from lamo.prompts import Prompt, render_prompt
from lamo.scoring.base import ScorerUnavailable
from lamo.scoring.local import LocalScorer
from lamo.scoring.remote.check import check_server
from lamo.scoring.remote.scorer import RemotePlan, RemoteScorer
from tests.lamo.records import diagnosis, patient

WITHIN = 0.05  # log-odds: llama.cpp keeps keys and values in 16 bits unless it is told otherwise
CALLERS = 4


@pytest.fixture(scope="module")
def artifact() -> Artifact:
    folder = os.environ.get("LAMO_TEST_SCORER_ARTIFACT")
    return load_artifact(Path(folder) if folder else bundled_artifact_folder())


@pytest.fixture(scope="module")
def server(artifact: Artifact) -> RemoteScorer:
    url = os.environ.get("LAMO_TEST_SCORER_URL")
    if not url:
        pytest.skip("LAMO_TEST_SCORER_URL is not set: start a scoring server and name it")
    dialect: Any = os.environ.get("LAMO_TEST_SCORER_DIALECT", "vllm")
    return RemoteScorer(artifact, RemotePlan(url=url, dialect=dialect))


def later() -> Deadline:
    return Deadline.after_ms(60_000)


def prompts(artifact: Artifact) -> list[Prompt]:
    names = ("Gout", "Heart failure", "Bacterial pneumonia", "Type 2 diabetes mellitus")
    records = [
        patient(age=40 + number, diagnoses=(diagnosis(n),)) for number, n in enumerate(names)
    ]
    return [render_prompt(record, None, artifact.prompt_plan)[0] for record in records]


def labels(artifact: Artifact) -> list[str]:
    """A few candidates of every group, so that every adapter is asked."""
    chosen = []
    for group in artifact.groups:
        chosen += [entry.label for entry in artifact.vocabulary if entry.group == group.name][:3]
    return chosen


def test_the_server_has_the_artifact(server: RemoteScorer) -> None:
    assert check_server(server, WITHIN) <= WITHIN


def test_it_says_what_the_engine_in_this_process_says(
    server: RemoteScorer, artifact: Artifact
) -> None:
    local = LocalScorer(artifact)
    for prompt in prompts(artifact):
        here = local.score(prompt, labels(artifact), later())
        assert server.score(prompt, labels(artifact), later()) == pytest.approx(here, abs=WITHIN)


def test_callers_at_once_get_their_own_patients_scores(
    server: RemoteScorer, artifact: Artifact
) -> None:
    asked = prompts(artifact)
    alone = [server.score(prompt, labels(artifact), later()) for prompt in asked]

    def ask(number: int) -> Mapping[str, float]:
        return server.score(asked[number % len(asked)], labels(artifact), later())

    with ThreadPoolExecutor(CALLERS) as callers:
        together = list(callers.map(ask, range(2 * len(asked))))
    for number, scores in enumerate(together):
        assert scores == pytest.approx(alone[number % len(asked)], abs=WITHIN)
    assert alone[0] != pytest.approx(alone[1], abs=WITHIN)


def test_past_the_deadline_nothing_is_asked(server: RemoteScorer, artifact: Artifact) -> None:
    with pytest.raises(ScorerUnavailable):
        server.score(prompts(artifact)[0], labels(artifact), Deadline.after_ms(0))
