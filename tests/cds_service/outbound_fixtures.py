"""Guards that look nothing up outside, and what servers may answer."""

import threading
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from cds_service.outbound.fetch import fetch_json
from cds_service.outbound.guard import Guard, tls_context
from cds_service.outbound.lookups import Lookups
from cds_service.settings import Settings
from lamo.deadline import Deadline
from tests.waiting import wait_until

Answering = Callable[[BaseHTTPRequestHandler], None]


class FakeResolver:
    """Answers lookups in this order, the last answer again and again; remembers the names."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        if not self.answers:
            raise OSError("no such name")
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def guard(
    resolver: FakeResolver | None = None,
    networks: Sequence[str] = (),
    ca_file: Path | None = None,
    **parts: Any,
) -> Guard:
    """A guard of a service in production, unless `is_sandbox`."""
    return Guard(
        lookups=Lookups(resolver or FakeResolver()),
        networks=tuple(ip_network(network) for network in networks),
        tls=tls_context(ca_file),
        **parts,
    )


def production(**more: Any) -> Settings:
    """Settings of a service in production."""
    return Settings(mode="production", **more)


def fetched(url: str, guard: Guard, ms: float = 60_000) -> object:
    """Fetch a document of at most 1000 bytes."""
    return fetch_json(url, guard, Deadline.after_ms(ms), max_bytes=1000)


def wait_for_reads_to_end() -> None:
    """Return when no thread reads any more."""
    wait_until(lambda: not any(one.name.startswith("outbound") for one in threading.enumerate()))


def sends(body: bytes, status: int = 200, **headers: str) -> Answering:
    """Answer with these bytes until the connection ends; `_` in a header's name is `-`."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer
