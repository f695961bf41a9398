"""Scores over a real HTTP server that answers as each dialect does, with the engine's scores."""

import json
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from lamo.artifact import Artifact
from lamo.deadline import Deadline
from lamo.prompts import FAITHFUL, render_prompt
from lamo.scoring.base import ScorerUnavailable
from lamo.scoring.local import LocalScorer
from lamo.scoring.probe import probe
from lamo.scoring.remote.breaker import Breaker
from lamo.scoring.remote.check import ServerRefused, check_server
from lamo.scoring.remote.dialects import Dialect
from lamo.scoring.remote.scorer import RemotePlan, RemoteScorer, adapter_names
from tests.lamo.records import patient
from tests.lamo.tiny import LABELS, tiny_artifact

PROMPT = render_prompt(patient(), None)[0]
PROBE = probe(FAITHFUL)


def later() -> Deadline:
    return Deadline.after_ms(60_000)


@dataclass
class Server:
    """What the server knows, and how it misbehaves."""

    artifact: Artifact
    scorer: LocalScorer
    statuses: list[int] = field(default_factory=list)  # of the next answers; then 200
    rename: dict[str, Any] = field(default_factory=dict)  # members that answers have instead
    paths: list[str] = field(default_factory=list)
    url: str = ""

    def log_odds(self, ids: list[int]) -> float:
        """By the tokens alone: which candidate's suffix ends the prompt?"""
        for prompt in (PROMPT, PROBE):
            prefix = self.scorer.tokens.encode(prompt.text)
            for label in LABELS:
                if ids == prefix + self.scorer.tokens.suffix(label):
                    return self.scorer.score(prompt, [label], later())[label]
        raise AssertionError("another prompt than was asked")

    def answer(self, path: str, body: Any) -> Any:
        names = list(adapter_names(self.artifact).values())
        yes, no = self.artifact.answer_token_ids["Yes"], self.artifact.answer_token_ids["No"]
        if path == "/v1/models":
            return {"data": [{"id": name} for name in names]}
        if path == "/lora-adapters":
            return [{"id": i, "path": f"/models/{name}.gguf"} for i, name in enumerate(names)]
        if path == "/generative_scoring":
            odds = [self.log_odds(body["query"] + item) for item in body["items"]]
            rows = [{"index": i, "score": 1 / (1 + math.exp(-x))} for i, x in enumerate(odds)]
            return {"data": rows[::-1]} | self.rename
        if path == "/v1/completions":
            odds = [self.log_odds(prompt) for prompt in body["prompt"]]
            tops = [{f"token_id:{yes}": x - 9.0, f"token_id:{no}": -9.0} for x in odds]
            choices = [{"index": i, "logprobs": {"top_logprobs": [t]}} for i, t in enumerate(tops)]
            return {"choices": choices} | self.rename
        share = 1 / (1 + math.exp(-self.log_odds(body["prompt"])))
        both = [{"id": yes, "prob": share}, {"id": no, "prob": 1 - share}]
        return {"completion_probabilities": [{"top_probs": both}]} | self.rename


@contextmanager
def listening(server: Server) -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.reply(None)

        def do_POST(self) -> None:
            self.reply(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def reply(self, body: Any) -> None:
            server.paths.append(self.path)
            status = server.statuses.pop(0) if server.statuses else 200
            content = json.dumps(server.answer(self.path, body) if status == 200 else {}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            return

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    server.url = f"http://127.0.0.1:{http.server_port}"
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    artifact = tiny_artifact(tmp_path / "a", 2)
    scorer = LocalScorer(artifact)
    artifact = replace(artifact, probe=scorer.score(PROBE, LABELS, later()))
    with listening(Server(artifact, scorer)) as started:
        yield started


def remote(server: Server, dialect: Dialect = "vllm", **plan: Any) -> RemoteScorer:
    return RemoteScorer(server.artifact, RemotePlan(url=server.url, dialect=dialect, **plan))


@pytest.mark.parametrize("dialect", ["vllm", "completions", "llama.cpp"])
def test_every_dialect_gives_the_scores_of_the_engine(server: Server, dialect: Dialect) -> None:
    scorer = remote(server, dialect)
    assert check_server(scorer) == pytest.approx(0.0, abs=1e-4)
    expected = server.scorer.score(PROMPT, LABELS, later())
    assert scorer.score(PROMPT, LABELS, later()) == pytest.approx(expected, abs=1e-4)


def test_a_group_is_one_request_and_a_hiccup_is_asked_again(server: Server) -> None:
    server.statuses = [503]
    remote(server).score(PROMPT, LABELS, later())
    assert server.paths == ["/generative_scoring"] * 3  # two groups, one of them twice


def test_a_refusal_is_not_asked_again_and_says_what_was_answered(server: Server) -> None:
    server.statuses = [404, 404]
    with pytest.raises(ScorerUnavailable, match="answered 404 to /generative_scoring"):
        remote(server).score(PROMPT, LABELS[:1], later())
    assert len(server.paths) == 1


@pytest.mark.parametrize("dialect", ["vllm", "completions", "llama.cpp"])
def test_an_answer_of_another_form_is_told_of(server: Server, dialect: Dialect) -> None:
    server.rename = {"data": None, "choices": [], "completion_probabilities": [{}]}
    with pytest.raises(ScorerUnavailable, match="not of the form"):
        remote(server, dialect).score(PROMPT, LABELS[:1], later())


def test_no_time_no_request(server: Server) -> None:
    with pytest.raises(ScorerUnavailable, match="in time"):
        remote(server).score(PROMPT, LABELS[:1], Deadline.after_ms(0))
    assert server.paths == []


def test_a_server_that_keeps_failing_is_left_alone(server: Server) -> None:
    scorer = remote(server, failures=2, cool_s=60.0, attempts=1)
    server.statuses = [500] * 10
    for _ in range(2):
        with pytest.raises(ScorerUnavailable, match="answered 500"):
            scorer.score(PROMPT, LABELS[:1], later())
    asked = len(server.paths)
    with pytest.raises(ScorerUnavailable, match="failed 2 times in a row"):
        scorer.score(PROMPT, LABELS[:1], later())
    assert len(server.paths) == asked


def test_one_call_tries_when_it_has_cooled_down_and_success_closes_the_breaker() -> None:
    now = [0.0]
    breaker = Breaker(1, 10.0, clock=lambda: now[0])
    breaker.failed()
    now[0] = 11.0
    breaker.check()  # the one that tries
    with pytest.raises(ScorerUnavailable):
        breaker.check()
    breaker.worked()
    breaker.check()


def changed(server: Server, change: Callable[[Artifact], Artifact]) -> RemoteScorer:
    plan = RemotePlan(url=server.url, dialect="vllm")
    return RemoteScorer(change(server.artifact), plan)


def test_at_the_start_missing_adapters_are_named(server: Server) -> None:
    def other_weights(artifact: Artifact) -> Artifact:
        files = {name: "0" * 64 for name in artifact.files}
        return replace(artifact, files=files)

    with pytest.raises(ServerRefused, match="has no adapters \\['group-0-000000000000'"):
        check_server(changed(server, other_weights))


def test_at_the_start_other_scores_are_refused(server: Server) -> None:
    def moved(artifact: Artifact) -> Artifact:
        return replace(artifact, probe={label: x + 1 for label, x in artifact.probe.items()})

    with pytest.raises(ServerRefused, match="other weights, another tokenizer"):
        check_server(changed(server, moved))


def test_at_the_start_a_server_that_is_not_there_is_told_of(server: Server) -> None:
    plan = RemotePlan(url="http://127.0.0.1:9", dialect="vllm", attempts=1)
    with pytest.raises(ServerRefused, match="cannot be reached"):
        check_server(RemoteScorer(server.artifact, plan))
