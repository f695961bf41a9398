"""What is switched off, as every process knows it: a second old, and read by no call.

A thread of the process reads the table once a second. While the database does not answer, what is
known stays in force; a process that knows nothing yet reads at once, and takes no call before.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import structlog
from sqlalchemy import Connection, select

from cds_service.audit.database import AuditFailure
from cds_service.audit.log import AuditLog
from cds_service.errors import SwitchedOff
from cds_service.observing.health import Unwell
from cds_service.observing.metrics import switched_off
from cds_service.stops.models import StopRow

FRESH_S = 1.0  # between two readings
OVERDUE_S = 10.0  # then readiness says that the switch is not read

Scope = Literal["service", "rule"]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """One thing that is switched off."""

    scope: Scope
    name: str
    since: str  # RFC 3339 in UTC
    by_user: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """Everything that is switched off."""

    stops: tuple[Stop, ...] = ()
    services: frozenset[str] = frozenset()
    rules: frozenset[str] = frozenset()

    @classmethod
    def of(cls, stops: Sequence[Stop]) -> "Stopped":
        """The same, by name."""
        return cls(
            stops=tuple(stops),
            services=frozenset(one.name for one in stops if one.scope == "service"),
            rules=frozenset(one.name for one in stops if one.scope == "rule"),
        )


class Stops:
    """Knows what is switched off. One per process, made after a fork."""

    def __init__(self, audit_log: AuditLog, clock: Callable[[], float] = time.monotonic) -> None:
        """Take the log in whose database the table stands; nothing is read yet."""
        self._log, self._clock = audit_log, clock
        self._kept: Stopped | None = None
        self._read_at = 0.0

    def rules_off(self, service_id: str) -> frozenset[str]:
        """The rules whose cards are not shown.

        Raises:
            SwitchedOff: the service itself is stopped.
            AuditUnavailable: nothing was ever read, and it cannot be now.
        """
        stopped = self.current()
        if service_id in stopped.services:
            raise SwitchedOff
        return stopped.rules

    def current(self) -> Stopped:
        """What is switched off, as it was last read."""
        kept = self._kept
        return self.read() if kept is None else kept

    def read(self) -> Stopped:
        """What is switched off now.

        Raises:
            AuditFailure: it cannot be read; what was known stays.
        """
        read_at = self._clock()
        found = self._log.read(read_stops)
        self._kept, self._read_at = found, read_at
        switched_off(found.services, found.rules)
        return found

    def follow(self) -> threading.Event:
        """Read it once a second from now on, until the event is set or the process ends."""
        ended = threading.Event()
        threading.Thread(target=self._follow, args=(ended,), name="stops", daemon=True).start()
        return ended

    def told(self) -> str:
        """What is switched off, in a few words, as a check of readiness.

        Raises:
            Unwell: it was not read for too long, so a stop would not take effect.
        """
        stopped = self.current()
        age_s = self._clock() - self._read_at
        if age_s > OVERDUE_S:
            raise Unwell(f"the stop switch was last read {age_s:.0f} s ago, wanted every second")
        names = ", ".join(f"{one.scope} {one.name}" for one in stopped.stops)
        return f"switched off: {names}" if names else "nothing is switched off"

    def _follow(self, ended: threading.Event) -> None:
        last = None
        while not ended.wait(FRESH_S):
            why = None
            try:
                self.read()
            except AuditFailure as failure:
                why = failure.reason
            if why and why != last:  # once, and readiness tells it as long as it lasts
                log.error("stops_not_read", why=why)
            last = why


def read_stops(connection: Connection) -> Stopped:
    """What is switched off, as a transaction sees it."""
    return Stopped.of([Stop(**row) for row in connection.execute(_ALL).mappings()])


_ALL = select(StopRow.scope, StopRow.name, StopRow.since, StopRow.by_user).order_by(
    StopRow.scope.desc(), StopRow.name
)
