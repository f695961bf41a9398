"""Reads notes behind the calls, so that the next call finds them read.

One thread a process, a bounded queue: what does not fit is dropped and comes again with the next
call. After a failed reading the endpoint is left alone for a while, longer each time.
"""

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from cds_service.notes.store import DigestKey, DigestStore, StoredDigest, StoreFailure
from fhir_mappings.attachments import UnreadText
from fhir_mappings.record import Document
from lamo.notes.sections import NoteUnread

log = structlog.get_logger()

MOST_WAITING = 200
FIRST_PAUSE_S, LONGEST_PAUSE_S = 5.0, 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """One document that no kept digest was found for."""

    key: DigestKey
    document: Document


Read = Callable[[Document], StoredDigest]


class Warmer:
    """Takes unread documents and keeps their digests."""

    def __init__(self, read: Read, store: DigestStore, *, pause_s: float = FIRST_PAUSE_S) -> None:
        """Take what reads (raising NoteUnread or UnreadText) and what keeps; nothing starts yet."""
        self._read, self._store, self._first_pause = read, store, pause_s
        self._waiting: queue.Queue[Unread] = queue.Queue(MOST_WAITING)
        self._known: set[DigestKey] = set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._resting_until = 0.0
        self._pause = pause_s

    def add(self, unread: Unread) -> bool:
        """Queue a document; False when it is queued already, or there is no room for it."""
        with self._lock:
            if unread.key in self._known or time.monotonic() < self._resting_until:
                return False
            try:
                self._waiting.put_nowait(unread)
            except queue.Full:
                return False
            self._known.add(unread.key)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._work, name="notes", daemon=True)
                self._thread.start()
        return True

    def wait(self) -> None:
        """Return when everything that was queued has been dealt with."""
        self._waiting.join()

    def _work(self) -> None:
        while True:
            unread = self._waiting.get()
            try:
                self._deal_with(unread)
            finally:
                with self._lock:
                    self._known.discard(unread.key)
                self._waiting.task_done()

    def _deal_with(self, unread: Unread) -> None:
        if time.monotonic() < self._resting_until:
            return
        try:
            self._store.put(unread.key, self._read(unread.document))
        except UnreadText:
            return  # no reader can; the call has said so
        except (NoteUnread, StoreFailure) as failure:
            self._rest(failure)
            return
        self._pause = self._first_pause

    def _rest(self, failure: Exception) -> None:
        """Leave endpoint or database alone for a while; what waits meanwhile comes again."""
        log.warning("note_not_kept", why=str(failure), pause_s=self._pause)
        with self._lock:
            self._resting_until = time.monotonic() + self._pause
            self._pause = min(2 * self._pause, LONGEST_PAUSE_S)
