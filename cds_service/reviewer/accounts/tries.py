"""Failed sign-ins: counted, capped, and told to the audit log in a way that no flood fills.

All tries are treated alike, of accounts and of names that nobody has, so that neither answers nor
times tell which is which.
"""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable

import structlog

from cds_service.audit.database import AuditFailure
from cds_service.audit.entries import AccessEntry
from cds_service.audit.ids import new_event_id
from cds_service.audit.log import AuditLog

log = structlog.get_logger()

MOST = 60  # failed tries of a process within WITHIN_S, of whoever; then nobody signs in for a while
WITHIN_S = 60.0
PAUSE_S = 60.0  # between two writings of a process
NOBODY = "nobody"  # whose name no account has; what was typed is kept nowhere


class TooManyTries(Exception):  # noqa: N818 - a situation, named as such
    """So many sign-ins fail that nobody can sign in for a moment."""


class FailedTries:
    """Counts failed tries by account: one event for each account and writing, not for each try."""

    def __init__(self, audit_log: AuditLog, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = audit_log
        self._clock = clock
        self._lock = threading.Lock()
        self._lately: deque[float] = deque(maxlen=MOST)
        self._counts: Counter[str] = Counter()
        self._request_ids: dict[str, str] = {}
        self._written_at = clock() - PAUSE_S
        self._timer: threading.Timer | None = None  # that will write what is counted

    def check(self) -> None:
        """Return when one more may try.

        Raises:
            TooManyTries: too many failed within the last minute.
        """
        with self._lock:
            is_full = len(self._lately) == MOST
            if is_full and self._clock() - self._lately[0] < WITHIN_S:
                raise TooManyTries

    def note(self, user: str, request_id: str) -> None:
        """Count one failure. A log that fails is told of: the refusal stands all the same.

        Args:
            user: as the audit log names the account; NOBODY for a name that no account has.
            request_id: of the request.
        """
        with self._lock:
            self._lately.append(self._clock())
            self._counts[user] += 1
            self._request_ids[user] = request_id
            if self._clock() - self._written_at < PAUSE_S:
                self._write_later()
                return
        self._write_now()

    def _write_later(self) -> None:
        """Have another thread write what no failure may come after to write."""
        if self._timer is None:
            self._timer = threading.Timer(PAUSE_S, self._write_now)
            self._timer.daemon = True
            self._timer.start()

    def close(self) -> None:
        """Write what is counted."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
        self._write_now()

    def _write_now(self) -> None:
        with self._lock:
            self._written_at, self._timer = self._clock(), None
            counted = [(user, n, self._request_ids[user]) for user, n in self._counts.items()]
            self._counts.clear()
        for user, count, request_id in counted:
            try:
                self._log.append_access(_entry(user, count, request_id))
            except AuditFailure as failure:
                log.error("failed_sign_ins_not_recorded", error=type(failure).__name__)


def _entry(user: str, count: int, request_id: str) -> AccessEntry:
    return AccessEntry(
        event_id=new_event_id(),
        request_id=request_id,
        user=user,
        roles=[],
        page="login",
        outcome="denied",
        filters={"tries": count},
    )
