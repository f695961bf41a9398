"""However slow an endpoint is, a note is read or given up within its deadline."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpcore2
import pytest

from lamo.notes.model_reader.sockets import connected_within
from lamo.notes.sections import NoteUnread
from tests.hanging import Hang, dripping_handshake, silent_server
from tests.lamo.notes.fake_endpoint import (
    FakeEndpoint,
    fake_endpoint,
    found,
    hangs,
    refuses,
    trickles,
)
from tests.lamo.notes.unread import LATE_S, NOTE, Pauses, reader, reason

HEADERS = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n"


@pytest.fixture
def endpoint() -> Iterator[FakeEndpoint]:
    with fake_endpoint() as fake:
        yield fake


LATE = {
    "hangs": b"",
    "trickles a status line": b"HTTP/1.1 200 ",
    "trickles a header": b"HTTP/1.1 200 OK\r\nX-Slow: ",
    "trickles the body": HEADERS + b"\r\n",
    "trickles chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n",
    "trickles an error": b"HTTP/1.1 500 Oh\r\nContent-Length: 100000\r\n\r\n",
    "trickles until it is closed": b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n",
}


@pytest.mark.parametrize("start", LATE.values(), ids=LATE)
def test_a_late_endpoint_is_left_at_the_deadline(endpoint: FakeEndpoint, start: bytes) -> None:
    endpoint.default = trickles(endpoint.hang, start) if start else hangs(endpoint.hang)

    assert "did not answer in time" in reason(endpoint, seconds=LATE_S)


def test_tries_and_pauses_are_within_the_same_deadline(endpoint: FakeEndpoint) -> None:
    endpoint.default = refuses(500)
    pauses = Pauses()

    assert "no time left" in reason(endpoint, tries=50, pause=pauses, seconds=3.9)
    assert all(pause < 3.9 for pause in pauses)  # the fifth would be of 4 s or more


def test_a_server_that_asks_for_more_time_than_there_is_is_not_waited_for(
    endpoint: FakeEndpoint,
) -> None:
    endpoint.default = refuses(429, Retry_After="61")
    pauses = Pauses()

    assert "no time left" in reason(endpoint, pause=pauses)
    assert (len(endpoint.asked), pauses) == (1, [])


def test_retry_after_is_heeded_as_number_and_as_date(endpoint: FakeEndpoint) -> None:
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=40), usegmt=True)
    endpoint.script = [refuses(429, Retry_After="7"), refuses(503, Retry_After=at), found()]
    pauses = Pauses()

    reader(endpoint, pause=pauses).read(NOTE)

    assert pauses[0] == 7.0
    assert 10 < pauses[1] <= 40  # without the header it would be one of 1 s


@pytest.mark.parametrize("header", ["soon", "nan", "inf", "-3", ""])
def test_an_odd_retry_after_is_no_reason_to_wait_long(endpoint: FakeEndpoint, header: str) -> None:
    endpoint.script = [refuses(429, Retry_After=header), found()]
    pauses = Pauses()

    reader(endpoint, pause=pauses).read(NOTE)

    assert 0 <= pauses[0] <= 0.5


def test_pauses_grow_and_are_not_all_the_same(endpoint: FakeEndpoint) -> None:
    endpoint.default = refuses(500)
    pauses = Pauses()

    with pytest.raises(NoteUnread):
        reader(endpoint, tries=7, pause=pauses).read(NOTE)

    limits = [0.5, 1.0, 2.0, 4.0, 8.0, 8.0]
    assert all(most / 2 <= pause <= most for pause, most in zip(pauses, limits, strict=True))


def test_an_endpoint_that_is_not_there_is_named_as_such(endpoint: FakeEndpoint) -> None:
    told = reason(endpoint, url="http://127.0.0.1:9/v1")

    assert "cannot be reached" in told


@pytest.fixture
def silent() -> Iterator[str]:
    with silent_server() as host:
        yield host


def test_a_server_that_does_not_read_is_left_at_the_deadline(
    endpoint: FakeEndpoint, silent: str
) -> None:
    url = f"http://{silent}/v1"
    asked = reader(endpoint, url=url, context_tokens=40_000_000, seconds=2 * LATE_S)

    with pytest.raises(NoteUnread, match="in time"):
        asked.read("A long note. " * 1_000_000)


def test_a_tls_handshake_ends_with_the_deadline(endpoint: FakeEndpoint, silent: str) -> None:
    assert "in time" in reason(endpoint, url=f"https://{silent}/v1", seconds=LATE_S)


def test_a_handshake_that_trickles_ends_with_it_too(endpoint: FakeEndpoint) -> None:
    with dripping_handshake() as (host, hang):
        assert "in time" in reason(endpoint, url=f"https://{host}/v1", seconds=LATE_S)
        assert not hang.was_waited_for


def test_a_name_that_is_looked_up_for_long_is_not_waited_for() -> None:
    def connect() -> httpcore2.NetworkStream:
        hang.wait()
        return httpcore2.MockStream([])

    with Hang() as hang, pytest.raises(httpcore2.ConnectTimeout):
        connected_within(connect, 0.05)


def test_a_name_that_cannot_be_one_is_not_reached(endpoint: FakeEndpoint) -> None:
    host = f"{'a' * 64}.example"

    told = reason(endpoint, url=f"https://{host}/v1", allowed_hosts=(host,))

    assert "cannot be reached" in told
