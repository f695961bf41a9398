"""Stand-ins of the same shape for what is outside: the model, the log, a FHIR server."""

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cds_service.audit.entries import ErrorEntry, FeedbackEntry
from cds_service.call import Call
from cds_service.errors import AuditUnavailable
from cds_service.hooks.request import HookRequest
from lamo.artifact import bundled_artifact_folder, load_artifact
from lamo.deadline import Deadline
from lamo.model_card import ModelCard, model_card
from lamo.prompts import Prompt
from lamo.scoring.base import ScorerUnavailable
from tests.hanging import Hang


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

    def append_feedback(self, *entries: FeedbackEntry) -> int:
        self.ping()
        self.feedback += entries
        return len(entries)

    def ping(self) -> None:
        if self.is_down:
            raise AuditUnavailable


@dataclass
class FakeDecide:
    """Remembers the calls and answers with the same cards, or fails."""

    cards: list[dict[str, Any]] = field(default_factory=list)
    failure: Exception | None = None
    calls: list[HookRequest] = field(default_factory=list)

    def __call__(self, request: HookRequest, call: Call) -> list[dict[str, Any]]:
        self.calls.append(request)
        if self.failure is not None:
            raise self.failure
        return self.cards


@cache
def demo_card() -> ModelCard:
    """The card of the bundled model, of which no site states anything."""
    return model_card(load_artifact(bundled_artifact_folder()), {}, {})


def admit_all(client: str, deadline: Deadline) -> AbstractContextManager[None]:
    """Lets every request in."""
    del client, deadline
    return nullcontext()


Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class LoopbackFhir:
    """A FHIR server on this machine: answers by path with query, and what it was asked."""

    base: str = ""
    port: int = 0
    answers: dict[str, object] = field(default_factory=dict)  # JSON, or a function of the handler
    default: object = None  # for every other path; None is 404
    asked: list[tuple[str, str | None]] = field(default_factory=list)  # (path, Authorization)
    hang: Hang = field(default_factory=Hang)

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        path = handler.path.removeprefix("/fhir/")
        self.asked.append((path, handler.headers.get("Authorization")))
        answer = self.answers.get(path, self.answers.get(path.partition("?")[0], self.default))
        if callable(answer):
            answer(handler)
        else:
            send_json(handler, answer, 404 if answer is None else 200)

    def hangs(self, handler: BaseHTTPRequestHandler) -> None:
        """An answer: nothing at all."""
        del handler
        self.hang.wait()

    def drips_head(self, handler: BaseHTTPRequestHandler) -> None:
        """An answer: a head without an end."""
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        self.hang.drip(lambda: handler.wfile.write(b" "))

    def drips_body(self, handler: BaseHTTPRequestHandler) -> None:
        """An answer: a body without an end."""
        handler.send_response(200)
        handler.end_headers()
        self.hang.drip(lambda: handler.wfile.write(b" "))

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
def loopback_fhir(
    host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> Iterator[LoopbackFhir]:
    fake = LoopbackFhir()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                fake.serve(self)
            except OSError:
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            del format, args

    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        daemon_threads = True

    server = Server((host, port), Handler)
    if tls:
        server.socket = tls.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    fake.port = server.server_address[1]
    named = f"[{host}]" if ":" in host else host
    fake.base = f"{'https' if tls else 'http'}://{named}:{fake.port}/fhir"
    try:
        yield fake
    finally:
        fake.hang.end()
        server.shutdown()
        thread.join()
        server.server_close()
