"""An OpenAI-compatible endpoint on this machine: answers by script, and what it was asked."""

import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from lamo.notes.model_reader.plan import ModelReaderPlan
from tests.hanging import Hang

Answer = Callable[[BaseHTTPRequestHandler], None]
MODEL = "tiny"
KEY = "sk-secret-42"
NOTHING: dict[str, Any] = {
    "history_of_present_illness": "",
    "past_medical_history": "",
    "allergies": [],
    "medications_on_admission": [],
    "discharge_medications": [],
}


@dataclass
class FakeEndpoint:
    """Gives the answers of its script one after the other, then `default`."""

    base: str = ""
    script: list[Answer] = field(default_factory=list)
    default: Answer | None = None  # None: every section and list empty
    models: Answer | None = None  # None: lists MODEL
    asked: list[dict[str, Any]] = field(default_factory=list)  # bodies of chat completions
    headers: list[dict[str, str]] = field(default_factory=list)  # names in lower case
    hang: Hang = field(default_factory=Hang)

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        self.headers.append({name.lower(): value for name, value in handler.headers.items()})
        if handler.path.endswith("/models"):
            (self.models or lists(MODEL))(handler)
            return
        length = int(handler.headers["Content-Length"])
        self.asked.append(json.loads(handler.rfile.read(length)))
        answer = self.script.pop(0) if self.script else self.default
        (answer or self._of_the_schema)(handler)

    def _of_the_schema(self, handler: BaseHTTPRequestHandler) -> None:
        members = self.schema(-1)["properties"]
        says({name: NOTHING[name] for name in members})(handler)

    def schema(self, number: int) -> dict[str, Any]:
        """The JSON schema of a request."""
        schema: dict[str, Any] = self.asked[number]["response_format"]["json_schema"]["schema"]
        return schema

    def text(self, number: int) -> str:
        """The text that a request was about."""
        content: str = self.asked[number]["messages"][-1]["content"]
        return content.removeprefix("<text>\n").removesuffix("\n</text>")


def plan_for(fake: FakeEndpoint, **settings: Any) -> ModelReaderPlan:
    """A plan with which the fake can be asked."""
    given: dict[str, Any] = {"url": fake.base, "model": MODEL, "key": KEY} | settings
    return ModelReaderPlan(**given)


def found(**members: Any) -> Answer:
    """An answer about a note; what is not named is empty."""
    return says(NOTHING | members)


def says(content: object, finish: str = "stop", **message: Any) -> Answer:
    """A chat completion with this content, as JSON unless it is text already."""
    text = content if isinstance(content, str) or content is None else json.dumps(content)
    return body(
        {
            "object": "chat.completion",
            "model": MODEL,
            "system_fingerprint": "fp_1",
            "choices": [
                {
                    "index": 0,
                    "finish_reason": finish,
                    "message": {"role": "assistant", "content": text} | message,
                }
            ],
            "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110},
        }
    )


def lists(*models: str) -> Answer:
    return body({"object": "list", "data": [{"id": name} for name in models]})


def refuses(status: int, message: str = "", code: str | None = None, **headers: str) -> Answer:
    """An error as OpenAI words it; headers with _ for -."""
    return body({"error": {"message": message, "code": code}}, status, **headers)


def body(value: object, status: int = 200, **headers: str) -> Answer:
    """Any JSON, or bytes as they are; headers with _ for -, in place of the usual ones."""
    content = value if isinstance(value, bytes) else json.dumps(value).encode()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        given = {"Content-Type": "application/json", "Content-Length": str(len(content))}
        given |= {name.replace("_", "-").title(): text for name, text in headers.items()}
        handler.send_response(status)
        for name, text in given.items():
            handler.send_header(name, text)
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def hangs(hang: Hang) -> Answer:
    """Says nothing at all."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        del handler
        hang.wait()

    return answer


def trickles(hang: Hang, start: bytes) -> Answer:
    """Sends the start, then a byte now and then."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(start)
        hang.drip(lambda: handler.wfile.write(b"a"))

    return answer


def resets(handler: BaseHTTPRequestHandler) -> None:
    """Breaks the connection off without an answer."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.close_connection = True


@contextmanager
def fake_endpoint(tls: ssl.SSLContext | None = None) -> Iterator[FakeEndpoint]:
    fake = FakeEndpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.do_POST()

        def do_POST(self) -> None:
            try:
                fake.serve(self)
            except (OSError, ValueError):
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            del format, args

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            del request, client_address  # clients that leave early are what is tested

    server = Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    scheme = "http" if tls is None else "https"
    fake.base = f"{scheme}://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield fake
    finally:
        fake.hang.end()
        server.shutdown()
        thread.join()
        server.server_close()
