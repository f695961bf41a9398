"""Connections of which every step ends with the deadline of the note.

A timeout of HTTP clients is one of each read, so a server that sends a byte now and then is never
late. Here every read and every write gets what is left until the deadline, and so do looking up the
name, connecting and the TLS handshake.
"""

import socket
import ssl
from collections.abc import Callable, Iterable
from concurrent.futures import Future, InvalidStateError
from threading import Thread
from typing import Any

import httpcore2

from lamo.deadline import Deadline


class DeadlineBackend(httpcore2.NetworkBackend):
    """Opens TCP connections whose every step ends with the deadline."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline, self._opens = deadline, httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        """Connect to the first address of the host that answers in the time that is left."""
        left = _left(self._deadline, httpcore2.ConnectTimeout)
        stream = connected_within(
            lambda: self._opens.connect_tcp(host, port, left, local_address, socket_options), left
        )
        return _DeadlineStream(stream, self._deadline)


class _DeadlineStream(httpcore2.NetworkStream):
    def __init__(self, stream: httpcore2.NetworkStream, deadline: Deadline) -> None:
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(self._deadline, httpcore2.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        sock: socket.socket = self._stream.get_extra_info("socket")
        rest = memoryview(buffer)
        while rest:  # a timeout is one of each send, so each gets what is left by then
            left = _left(self._deadline, httpcore2.WriteTimeout)
            try:
                sock.settimeout(left)
                rest = rest[sock.send(rest) :]
            except TimeoutError:
                raise httpcore2.WriteTimeout from None
            except OSError:
                raise httpcore2.WriteError from None

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        left = _left(self._deadline, httpcore2.ConnectTimeout)  # Python's handshake keeps to it
        stream = self._stream.start_tls(ssl_context, server_hostname, left)
        return _DeadlineStream(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(deadline: Deadline, late: type[httpcore2.TimeoutException]) -> float:
    left = deadline.left_s()
    if left <= 0:
        raise late
    return left


def connected_within(
    connect: Callable[[], httpcore2.NetworkStream], seconds: float
) -> httpcore2.NetworkStream:
    """Connect on a thread that is left behind when it is late: looking up a name has no timeout.

    Raises:
        httpcore2.ConnectError: there is no such name, or nobody answers there.
        httpcore2.ConnectTimeout: not connected in so many seconds.
    """
    made: Future[httpcore2.NetworkStream] = Future()
    Thread(target=_connect, args=(connect, made), name="note-model", daemon=True).start()
    try:
        return made.result(seconds)
    except TimeoutError:
        if made.cancel():
            raise httpcore2.ConnectTimeout from None
        return made.result()  # it came just now


def _connect(
    connect: Callable[[], httpcore2.NetworkStream], made: Future[httpcore2.NetworkStream]
) -> None:
    stream: httpcore2.NetworkStream | None = None
    failure: Exception | None = None
    try:
        stream = connect()
    except httpcore2.TimeoutException:
        failure = httpcore2.ConnectTimeout()
    except (httpcore2.NetworkError, OSError, ValueError):  # a name that cannot be one is the last
        failure = httpcore2.ConnectError()
    try:
        if stream is not None:
            made.set_result(stream)
        else:
            made.set_exception(failure)
    except InvalidStateError:  # nobody waits any more
        if stream is not None:
            stream.close()
