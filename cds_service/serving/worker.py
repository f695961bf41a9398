"""gunicorn's worker with threads, which are given a request when all of it is here.

gunicorn's own reads a request in the thread that answers it, so that as many clients as there are
threads hold up all others by sending slowly; and it waits up to two seconds for a client to hang up
in the thread that accepts connections, so that one client holds up all others. Here that thread
waits for nobody: it takes what has come of each request, within one time and one amount of memory
for all, and lets go of those who do not hang up.
"""

import selectors
import socket
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from typing import Any
from uuid import uuid4

import structlog
from gunicorn.workers.gthread import TConn  # type: ignore[import-untyped]

from cds_service.observing.metrics import request_answered
from cds_service.observing.server import CautiousWorker, answer_to
from cds_service.serving.arrival import Arrival, arrived_at, page_wanted
from cds_service.settings import Settings

ARRIVE_DEADLINES = 10  # times the deadline of a call, for the whole of a request to come
SHORTEST_ARRIVE_S, LONGEST_ARRIVE_S = 2.0, 30.0
HANG_UP_S = 2.0  # for a client to hang up behind its answer
SEND_S = 10.0  # for a whole answer to be taken
CHUNK = 256 * 1024  # bytes that are read at once
HELD_BODIES = 16  # of the largest size, in bytes: more than that is not held for all who send
ASIDE = 4  # threads for what is no call: health, metrics, discovery, pages
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

log = structlog.get_logger()

OnReadable = Callable[["Connection", socket.socket], None]


class Connection(TConn):  # type: ignore[misc]
    """A connection, and what has come of the request on it."""

    def __init__(self, worker: "WholeRequestWorker", sock: socket.socket, address: Any) -> None:
        super().__init__(worker.cfg, sock, address, sock.getsockname())
        self.worker = worker
        self.arrival = Arrival(0)
        self.whole_at = 0.0  # monotonic clock

    def close(self, graceful: bool = False) -> None:
        """Called by gunicorn, gracefully behind an answer: the client may not have it yet."""
        if graceful:
            self.worker.hang_up(self)
        else:
            super().close()


class WholeRequestWorker(CautiousWorker):
    """Receives requests in one thread, and has others answer them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        settings: Settings = self.app.settings
        self._largest_body = settings.max_body_bytes
        arrive_s = ARRIVE_DEADLINES * settings.deadline_ms / 1000
        self._arrive_s = min(max(arrive_s, SHORTEST_ARRIVE_S), LONGEST_ARRIVE_S)
        self._waiting: dict[Connection, float] = {}  # until when: for a request, or a hang-up
        self._held = 0  # bytes of requests that are not whole
        self._aside = ThreadPoolExecutor(ASIDE, "aside")

    def accept(self, listener: Any) -> None:
        """Called by gunicorn when somebody connects."""
        with suppress(BlockingIOError, ConnectionAbortedError):  # another process has it; it left
            sock, address = listener.accept()
            self.nr_conns += 1
            self.enqueue_req(Connection(self, sock, address))

    def enqueue_req(self, conn: Connection) -> None:
        """Called by gunicorn for a connection on which a request may have begun."""
        ahead = conn.parser.unreader.take_buffered() if conn.parser else b""
        conn.arrival = Arrival(self._largest_body)
        self._wait(conn, self._arrive_s, self._receive)
        self._take(conn, ahead)

    def handle(self, conn: Connection) -> Any:
        """Called by gunicorn in the thread that answers, before anything is parsed."""
        page_wanted.set(conn.arrival.wants_page)
        return super().handle(conn)

    def handle_request(self, req: Any, conn: Connection) -> bool:
        """Called by gunicorn in the thread that answers."""
        arrived_at.set(conn.whole_at)
        conn.sock.settimeout(SEND_S)  # of the whole answer, to a client that does not take it
        keeps = super().handle_request(req, conn)
        return keeps and conn.arrival.is_whole  # else the rest of the request would be read first

    def hang_up(self, conn: Connection) -> None:
        """Say that no more is sent, and wait for the client to do so too (RFC 9112 section 9.6)."""
        self.nr_conns += 1  # gunicorn has counted it as gone
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.nr_conns -= 1
            conn.close()
        else:
            conn.arrival = Arrival(0)
            self._wait(conn, HANG_UP_S, self._drain)

    def murder_pending(self) -> None:
        """Called by gunicorn about once a second, and behind each event."""
        super().murder_pending()
        now = time.monotonic()
        for conn in [conn for conn, until in self._waiting.items() if until <= now]:
            self._let_go(conn, HTTPStatus.REQUEST_TIMEOUT if conn.arrival.received else None)

    def _cap_keepalive(self, deadline: float) -> None:
        """Called by gunicorn once, when this worker takes no more connections."""
        for listener in self.sockets:
            listener.close()  # at a shutdown, who connects now shall be refused and not wait
        super()._cap_keepalive(deadline)
        self._waiting = {conn: min(until, deadline) for conn, until in self._waiting.items()}

    def _receive(self, conn: Connection, sock: socket.socket) -> None:
        try:
            data = sock.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._take(conn, data)
        else:
            self._let_go(conn)

    def _take(self, conn: Connection, data: bytes) -> None:
        self._held += len(data)
        if conn.arrival.add(data):
            self._answer(conn)
        elif conn.arrival.is_too_large:
            self._let_go(conn, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        elif self._held > HELD_BODIES * self._largest_body:
            self._let_go(conn, HTTPStatus.SERVICE_UNAVAILABLE)
        elif conn.arrival.waits_for_continue:
            with suppress(OSError):
                conn.sock.send(CONTINUE)

    def _answer(self, conn: Connection) -> None:
        """Give the request to a thread; a flood of calls takes none from what is no call."""
        self._wait_no_more(conn)
        conn.whole_at = time.monotonic()
        conn.init()
        conn.parser.unreader.unread(bytes(conn.arrival.received))
        is_call = conn.arrival.received.startswith(b"POST ")
        done: Future[Any] = (self.tpool if is_call else self._aside).submit(self.handle, conn)
        done.add_done_callback(partial(self.method_queue.defer, self.finish_request, conn))

    def _drain(self, conn: Connection, sock: socket.socket) -> None:
        try:
            has_hung_up = not sock.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError:
            has_hung_up = True
        if has_hung_up:
            self._let_go(conn)

    def _wait(self, conn: Connection, seconds: float, then: OnReadable) -> None:
        conn.sock.setblocking(False)
        self._waiting[conn] = time.monotonic() + seconds
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(then, conn))

    def _wait_no_more(self, conn: Connection) -> None:
        del self._waiting[conn]
        self._held -= len(conn.arrival.received)
        self.poller.unregister(conn.sock)

    def _let_go(self, conn: Connection, told: HTTPStatus | None = None) -> None:
        if told is not None:
            request_id = str(uuid4())
            log.warning("request_cut_off", request_id=request_id, status=told.value)
            request_answered(None, told)
            with suppress(OSError):  # it may have gone
                conn.sock.send(answer_to(told, request_id))
        self._wait_no_more(conn)
        self.nr_conns -= 1
        conn.close()
