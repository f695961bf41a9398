"""Stand-ins of the same shape for what is outside: the model, the log, a FHIR server."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cds_service.audit.entries import ErrorEntry, FeedbackEntry
from cds_service.errors import AuditUnavailable
from cds_service.hook_request import HookRequest
from cds_service.trust import Caller
from lamo.deadline import Deadline
from lamo.prompts import Prompt
from lamo.scoring.base import ScorerUnavailable


@dataclass
class FakeScorer:
    """Log-odds by label; everything else gets `default`."""

    log_odds: Mapping[str, float] = field(default_factory=dict)
    default: float = -20.0  # under any support threshold
    outage: str | None = None  # why it cannot score
    prompts: list[Prompt] = field(default_factory=list)

    def score(
        self, prompt: Prompt, candidates: Sequence[str], deadline: Deadline
    ) -> Mapping[str, float]:
        self.prompts.append(prompt)
        if self.outage is not None:
            raise ScorerUnavailable(self.outage)
        return {label: self.log_odds.get(label, self.default) for label in candidates}


@dataclass
class FakeRecorder:
    """Keeps entries in lists, or is down."""

    is_down: bool = False
    errors: list[ErrorEntry] = field(default_factory=list)
    feedback: list[FeedbackEntry] = field(default_factory=list)

    def append_error(self, entry: ErrorEntry) -> None:
        self.ping()
        self.errors.append(entry)

    def append_feedback(self, entry: FeedbackEntry) -> bool:
        self.ping()
        told = {(one.card, one.outcome, one.outcome_timestamp) for one in self.feedback}
        self.feedback.append(entry)
        return (entry.card, entry.outcome, entry.outcome_timestamp) not in told

    def ping(self) -> None:
        if self.is_down:
            raise AuditUnavailable


@dataclass
class FakeDecide:
    """Remembers the calls and answers with the same cards, or fails."""

    cards: list[dict[str, Any]] = field(default_factory=list)
    failure: Exception | None = None
    calls: list[HookRequest] = field(default_factory=list)

    def __call__(
        self, request: HookRequest, caller: Caller, request_id: str
    ) -> list[dict[str, Any]]:
        self.calls.append(request)
        if self.failure is not None:
            raise self.failure
        return self.cards


Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class LoopbackFhir:
    """A FHIR server on this machine: answers by path with query, and what it was asked."""

    base: str = ""
    answers: dict[str, object] = field(default_factory=dict)  # JSON, or a function of the handler
    default: object = None  # for every other path; None is 404
    asked: list[tuple[str, str | None]] = field(default_factory=list)  # (path, Authorization)

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        path = handler.path.removeprefix("/fhir/")
        self.asked.append((path, handler.headers.get("Authorization")))
        answer = self.answers.get(path, self.answers.get(path.partition("?")[0], self.default))
        if callable(answer):
            answer(handler)
        else:
            send_json(handler, answer, 404 if answer is None else 200)

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]


def send_json(handler: BaseHTTPRequestHandler, value: object, status: int = 200) -> None:
    body = json.dumps(value).encode()
    handler.send_response(status)
    handler.send_header("Content-Type", "application/fhir+json")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


@contextmanager
def loopback_fhir() -> Iterator[LoopbackFhir]:
    fake = LoopbackFhir()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                fake.serve(self)
            except OSError:
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    fake.base = f"http://127.0.0.1:{server.server_address[1]}/fhir"
    try:
        yield fake
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
