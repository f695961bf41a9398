"""The real process in front of clients that are slow, odd, or never hang up."""

import socket
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit

import pytest
import requests

from tests.hanging import HANG_S
from tests.served import Served, served

HEAD = (
    b"POST /cds-services/lamo-order-sign HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
)
SETTINGS = {"LAMO_THREADS": "1", "LAMO_MAX_BODY_BYTES": "100000"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Waits half a minute for a whole request, as for all that has a deadline of 3 s or more."""
    with served(tmp_path_factory.mktemp("connections"), **SETTINGS) as running:
        yield running


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Waits two seconds for a whole request."""
    settings = SETTINGS | {"LAMO_DEADLINE_MS": "100"}
    with served(tmp_path_factory.mktemp("hasty"), **settings) as running:
        yield running


def connect(service: Served) -> socket.socket:
    target = urlsplit(service.url)
    return socket.create_connection((target.hostname, target.port), timeout=HANG_S)


def drip(connection: socket.socket) -> bytes:
    """Send a byte now and then until the service says something, or hangs up."""
    connection.settimeout(0.1)
    for _ in range(int(HANG_S / 0.1)):
        try:
            connection.sendall(b"1")
            return connection.recv(4096)
        except TimeoutError:
            continue
        except ConnectionError:
            return b""
    raise AssertionError("all of it was taken")


@pytest.mark.parametrize(
    "begun",
    [HEAD, HEAD + b"Content-Length: 9999\r\n\r\n", HEAD + b"Transfer-Encoding: chunked\r\n\r\n"],
    ids=["head", "body", "chunks"],
)
def test_who_drips_is_cut_off(hasty: Served, begun: bytes) -> None:
    with closing(connect(hasty)) as slow:
        slow.sendall(begun)
        said = drip(slow)
    assert said.startswith(b"HTTP/1.1 408") or not said


def test_who_says_nothing_is_cut_off(hasty: Served) -> None:
    with closing(connect(hasty)) as silent:
        assert silent.recv(100) == b""


def test_slow_clients_hold_up_nobody(service: Served) -> None:
    slow = [connect(service) for _ in range(60)]
    for number, connection in enumerate(slow):
        connection.sendall(HEAD if number % 2 else HEAD + b"Content-Length: 99\r\n\r\n{")
    assert_others_are_answered(service)
    for connection in slow:
        connection.setblocking(False)
        with pytest.raises(BlockingIOError):  # none was cut off meanwhile: all of them are there
            connection.recv(100)
        connection.close()


def test_clients_that_do_not_hang_up_hold_up_nobody(service: Served) -> None:
    kept = [connect(service) for _ in range(20)]
    held = []
    for connection in kept:
        connection.sendall(b"GET /nowhere HTTP/1.0\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.0 404")
        held.append(is_held(kept[0]))
    assert any(held[1:])  # by a service that has answered others meanwhile
    assert_others_are_answered(service)
    for connection in kept:
        connection.close()


def is_held(connection: socket.socket) -> bool:
    """Whether the service has not let go of it yet: what is sent is not reset."""
    try:
        for _ in range(2):
            connection.sendall(b"1")
    except ConnectionError:
        return False
    return True


def assert_others_are_answered(service: Served) -> None:
    for path in ("/livez", "/cds-services"):
        assert requests.get(f"{service.url}{path}", timeout=60).status_code == 200
    answer = requests.post(f"{service.url}/cds-services/nobody", json={}, timeout=60)
    assert answer.status_code == 404


def test_a_body_in_chunks_is_read(service: Served) -> None:
    headers = {"Content-Type": "application/json"}
    url = f"{service.url}/cds-services/lamo-order-sign"
    answer = requests.post(url, data=iter([b"{", b"}"]), headers=headers, timeout=60)
    assert answer.status_code == 400
    assert "hook" in answer.text


def test_who_asks_before_sending_a_body_is_told_to_go_on(service: Served) -> None:
    with closing(connect(service)) as polite:
        polite.sendall(HEAD + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert polite.recv(4096).startswith(b"HTTP/1.1 100 Continue")
        polite.sendall(b"{}")
        polite.shutdown(socket.SHUT_WR)
        assert b"HTTP/1.1 400 " in b"".join(iter(lambda: polite.recv(4096), b""))


def test_requests_that_come_together_are_answered_in_turn(service: Served) -> None:
    with closing(connect(service)) as eager:
        eager.sendall(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n" * 2 + b"GET /no HTTP/1.0\r\n\r\n")
        said = b"".join(iter(lambda: eager.recv(4096), b""))
    assert [line[9:12] for line in said.splitlines() if line.startswith(b"HTTP/")] == [
        b"200",
        b"200",
        b"404",
    ]


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (HEAD + b"Content-Length: 100001\r\n\r\n", b"413"),
        (HEAD + b"X: " + b"x" * 70_000, b"431"),
        (HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", b"400"),
        (b"GET /" + b"x" * 3000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", b"414"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: x\r\n" * 70 + b"\r\n", b"431"),
    ],
    ids=["body", "head", "smuggled", "line", "http-2", "fields"],
)
def test_what_is_too_large_or_odd_is_refused_at_once(
    service: Served, sent: bytes, status: bytes
) -> None:
    with closing(connect(service)) as connection:
        connection.sendall(sent)
        said = b"".join(iter(lambda: connection.recv(65536), b""))
    assert said.startswith(b"HTTP/1.1 " + status)


def test_what_a_proxy_says_of_its_client_is_not_believed(service: Served) -> None:
    contradicting = {"X-Forwarded-Proto": "https", "X-Forwarded-Ssl": "off"}
    answer = requests.get(f"{service.url}/livez", headers=contradicting, timeout=60)
    assert answer.status_code == 200
