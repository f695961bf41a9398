"""A second model scores the same calls behind the answers. It is recorded, and shown to nobody.

One thread a process and a bounded queue; what does not fit is dropped and counted. The thread works
only while no call is in hand, so an answer never waits for it: a call that comes meanwhile shares
the processor with the end of one scoring. A lower priority of the thread would do harm: while it
holds the interpreter's lock, it would be kept waiting by other processes, and all calls with it.
"""

import queue
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import structlog

from cds_service.artifacts.watched import Watched, shadow_entry
from cds_service.errors import AuditUnavailable
from cds_service.observing.metrics import shadow_scored
from cds_service.tools import Tools
from lamo.scoring.base import ScorerUnavailable

log = structlog.get_logger()

MOST_WAITING = 64  # decisions, each with one patient's record
QUIET_S = 0.02  # behind the last call: its answer is on its way by then
STALE_S = 60.0  # a decision that waited for longer is dropped: nothing of a patient stays for long


class Shadow:
    """Takes decisions, and records what another model would have made of them."""

    def __init__(self, tools: Tools, *, quiet_s: float = QUIET_S) -> None:
        """Take tools with the other model; nothing starts yet."""
        self._tools, self._quiet_s = tools, quiet_s
        self._queue: queue.Queue[Watched] = queue.Queue(MOST_WAITING)
        self._lock = threading.Condition()
        self._in_hand = 0
        self._quiet_since = 0.0
        self._thread: threading.Thread | None = None

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Have it wait for as long as the context lasts: a call is being answered."""
        with self._lock:
            self._in_hand += 1
        try:
            yield
        finally:
            with self._lock:
                self._in_hand -= 1
                self._quiet_since = time.monotonic()
                self._lock.notify()

    def offer(self, watched: Watched) -> None:
        """Queue a decision that is committed. Returns at once."""
        try:
            self._queue.put_nowait(watched)
        except queue.Full:
            shadow_scored("dropped")
            return
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._work, name="shadow", daemon=True)
                self._thread.start()

    def wait(self) -> None:
        """Return when everything that was offered has been dealt with."""
        self._queue.join()

    def _work(self) -> None:
        while True:
            watched = self._queue.get()
            try:
                self._wait_until_quiet()
                shadow_scored(self._deal_with(watched))
            finally:
                self._queue.task_done()

    def _wait_until_quiet(self) -> None:
        with self._lock:
            while self._in_hand or self._quiet_for() < self._quiet_s:
                self._lock.wait(None if self._in_hand else self._quiet_s)

    def _quiet_for(self) -> float:
        return time.monotonic() - self._quiet_since

    def _deal_with(self, watched: Watched) -> str:
        if time.monotonic() - watched.offered_at > STALE_S:
            return "dropped"
        with suppress(ScorerUnavailable, AuditUnavailable):
            entry = shadow_entry(watched, self._tools)
            return "recorded" if self._tools.audit_log.append_shadow(entry) else "forgotten"
        return "failed"
