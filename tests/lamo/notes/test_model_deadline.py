"""However slow an endpoint is, a note is read or given up within its deadline."""

import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpcore2
import pytest

from lamo.notes.model_reader.sockets import connected_within
from lamo.notes.sections import NoteUnread
from tests.lamo.notes.fake_endpoint import (
    TRICKLE_S,
    FakeEndpoint,
    fake_endpoint,
    found,
    hangs,
    refuses,
    trickles,
)
from tests.lamo.notes.unread import NOTE, OVER_S, SECONDS, Pauses, reader, reason

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
    endpoint.default = trickles(endpoint.stops, start) if start else hangs(endpoint.stops)

    assert "did not answer in time" in reason(endpoint)


def test_tries_and_pauses_are_within_the_same_deadline(endpoint: FakeEndpoint) -> None:
    endpoint.default = refuses(500)

    assert "no time left" in reason(endpoint, tries=50, pause=time.sleep)


def test_a_server_that_asks_for_more_time_than_there_is_is_not_waited_for(
    endpoint: FakeEndpoint,
) -> None:
    endpoint.default = refuses(429, Retry_After="60")
    started = time.monotonic()

    assert "no time left" in reason(endpoint)
    assert time.monotonic() - started < SECONDS
    assert len(endpoint.asked) == 1


def test_retry_after_is_heeded_as_number_and_as_date(endpoint: FakeEndpoint) -> None:
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=20), usegmt=True)
    endpoint.script = [refuses(429, Retry_After="7"), refuses(503, Retry_After=at), found()]
    pauses = Pauses()

    reader(endpoint, seconds=60.0, pause=pauses).read(NOTE)

    assert pauses[0] == 7.0
    assert 15 < pauses[1] <= 20


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
        reader(endpoint, seconds=60.0, tries=7, pause=pauses).read(NOTE)

    limits = [0.5, 1.0, 2.0, 4.0, 8.0, 8.0]
    assert all(most / 2 <= pause <= most for pause, most in zip(pauses, limits, strict=True))


def test_an_endpoint_that_is_not_there_is_named_as_such(endpoint: FakeEndpoint) -> None:
    told = reason(endpoint, url="http://127.0.0.1:9/v1")

    assert "cannot be reached" in told


@pytest.fixture
def silent() -> Iterator[str]:
    """Host and port of one that takes connections and never reads."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_a_server_that_does_not_read_is_left_at_the_deadline(
    endpoint: FakeEndpoint, silent: str
) -> None:
    started = time.monotonic()
    asked = reader(endpoint, url=f"http://{silent}/v1", context_tokens=40_000_000)

    with pytest.raises(NoteUnread, match="in time"):
        asked.read("A long note. " * 1_000_000)

    assert time.monotonic() - started < SECONDS + 2 * OVER_S


def test_a_tls_handshake_ends_with_the_deadline(endpoint: FakeEndpoint, silent: str) -> None:
    assert "in time" in reason(endpoint, url=f"https://{silent}/v1")


def test_a_handshake_that_trickles_ends_with_it_too(endpoint: FakeEndpoint) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=trickle_handshake, args=(server,))
        thread.start()
        assert "in time" in reason(endpoint, url=f"https://127.0.0.1:{server.getsockname()[1]}/v1")
        thread.join()


def trickle_handshake(server: socket.socket) -> None:
    """The head of a long TLS record, then a byte of it now and then, until the client leaves."""
    connection, _address = server.accept()
    with connection:
        try:
            connection.sendall(b"\x16\x03\x03\x3f\xff\x02\x00\x3f\xfb")
            while True:
                connection.sendall(b"a")
                time.sleep(TRICKLE_S)
        except OSError:
            return


def test_a_name_that_is_looked_up_for_long_is_not_waited_for() -> None:
    goes_on, streams = threading.Event(), [httpcore2.MockStream([])]

    def connect() -> httpcore2.NetworkStream:
        goes_on.wait(20)
        return streams.pop()

    with pytest.raises(httpcore2.ConnectTimeout):
        connected_within(connect, 0.05)
    goes_on.set()


def test_a_name_that_cannot_be_one_is_not_reached(endpoint: FakeEndpoint) -> None:
    host = f"{'a' * 64}.example"

    told = reason(endpoint, url=f"https://{host}/v1", allowed_hosts=(host,), seconds=5.0)

    assert "cannot be reached" in told
