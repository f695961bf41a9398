"""The service as it is started: what gunicorn says, and counts of several processes."""

import json
import os
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from tests.calls import context_of, hook_call
from tests.served import Served, served
from tests.waiting import wait_until

URL = "/cds-services/lamo-order-sign"
HEAD = b"GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Request-Id: "
COUNTED = re.compile(r'^lamo_hook_calls_total\{outcome="cards".*\} (\d+)', re.M)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("var"), LAMO_WORKERS="2") as running:
        yield running


def lines(service: Served) -> list[dict[str, Any]]:
    """The log, but for what is printed for the person at the console."""
    text = service.log.read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def exchange(service: Served, raw: bytes) -> tuple[bytes, bytes]:
    """Send bytes as they are; the head of the answer, and its body."""
    with socket.create_connection(("127.0.0.1", urlsplit(service.url).port)) as connection:
        connection.settimeout(30)
        connection.sendall(raw)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    return head, body


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"GET /Patient/Quill Marta HTTP/1.1\r\n\r\n", b"400"),
        (b"Quill\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nAuthorization Bearer tok.Quill\r\n\r\n", b"400"),
        (b"GET /Quill HTTP/1.1\r\n\r\n", b"400"),  # without a Host
        (b"GET / HTTP/1.1\r\nQuill(: x\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nAuthorization: Bearer tok.\x00Quill\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nX: a\r\n Quill\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nX: " + b"Quill" * 4000 + b"\r\n\r\n", b"431"),
        (b"GET /" + b"Quill" * 4000 + b" HTTP/1.1\r\n\r\n", b"414"),
        (b"GET / HTTP/1.1\r\nExpect: Quill\r\n\r\n", b"417"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: Quill\r\n\r\n0\r\n\r\n", b"501"),
        (b"POST / HTTP/1.1\r\nContent-Length: Quill\r\n\r\n", b"400"),
        (b"GET / Quill/9.9\r\n\r\n", b"400"),
    ],
)
def test_what_is_no_http_is_answered_and_logged_without_its_words(
    service: Served, raw: bytes, status: bytes
) -> None:
    head, body = exchange(service, raw)
    assert head.split()[1] == status
    assert json.loads(body)["resourceType"] == "OperationOutcome"
    (request_id,) = re.findall(rb"X-Request-Id: (\S+)", head)
    logged = [one for one in lines(service) if one.get("request_id") == request_id.decode()]
    assert [one["event"] for one in logged] == ["request_not_read"]
    assert b"Quill" not in head + body
    assert "Quill" not in service.log.read_text()


def test_a_browser_is_told_on_a_page_that_its_address_is_too_long(service: Served) -> None:
    line = b"GET /review/events?card=" + b"Quill" * 4000 + b" HTTP/1.1\r\n"
    head, body = exchange(service, line + b"Accept: text/html,*/*;q=0.8\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 414 ")
    assert b"Content-Type: text/html" in head
    assert b"Its address is too long: go back" in body
    assert b"Quill" not in head + body


@pytest.mark.parametrize(
    "sent", [b"a\nevent: Quill", b"\x1b[31mQuill", b"Qui\tll Quill", "Quíll".encode()]
)
def test_a_request_id_cannot_write_into_the_log(service: Served, sent: bytes) -> None:
    exchange(service, HEAD + sent + b"\r\n\r\n")
    log = service.log.read_text(encoding="utf-8")
    assert not any(word in log for word in ("Quill", "Quíll", "\x1b"))


@pytest.mark.parametrize(
    "text", ["Quill\r\n{}", "\x1b[2JQuill", "Quill\u2028", "Quill\x00", "Quill\x85"]
)
def test_a_user_or_a_name_cannot_write_into_the_log(service: Served, text: str) -> None:
    practitioner = {"resourceType": "Practitioner", "id": "d1", "name": [{"family": text}]}
    call = hook_call(context=context_of(userId=text), hookInstance=text)
    call["prefetch"] |= {"patient": practitioner, "practitioner": practitioner}
    for body in (call, hook_call(prefetch=call["prefetch"]), hook_call(hook=text)):
        requests.post(f"{service.url}{URL}", json=body, timeout=60)
    requests.request("QUILL", f"{service.url}/livez", timeout=60)
    raw = service.log.read_bytes()
    assert not any(one in raw.lower() for one in (b"quill", b"\x1b", b"\\u001b"))
    assert all({"event", "level", "timestamp"} <= set(line) for line in lines(service))


def calls_counted(service: Served) -> int:
    told = COUNTED.search(requests.get(f"{service.url}/metrics", timeout=60).text)
    return int(told[1]) if told else 0


def booted(service: Served) -> list[int]:
    said = [re.fullmatch(r"Booting worker with pid: (\d+)", one["event"]) for one in lines(service)]
    return [int(one[1]) for one in said if one]


def wait_for_workers(service: Served, number: int) -> None:
    wait_until(lambda: len(booted(service)) >= number)


def test_counts_are_of_all_processes_and_outlive_them(service: Served) -> None:
    before = calls_counted(service)
    for _ in range(10):
        requests.post(f"{service.url}{URL}", json=hook_call(), timeout=60)
    assert calls_counted(service) == before + 10
    for worker in booted(service)[-2:]:
        os.kill(worker, signal.SIGTERM)
    wait_for_workers(service, 4)
    assert calls_counted(service) == before + 10
    folder = service.log.parent / "metrics"
    names = {path.name for path in folder.iterdir()}
    assert {"counter_ended.db", "histogram_ended.db"} <= names
    old = booted(service)[:2]
    assert not [name for name in names if any(str(pid) in name for pid in old)]


def test_an_earlier_run_is_not_counted(tmp_path: Path) -> None:
    for _ in range(2):
        with served(tmp_path) as running:
            requests.post(f"{running.url}{URL}", json=hook_call(), timeout=60)
            assert calls_counted(running) == 1
