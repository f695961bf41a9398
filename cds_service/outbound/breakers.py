"""Leaving a server alone that keeps failing, so that calls do not wait for it in vain.

Only trouble that lasts counts: FAILURES calls in a row without one answer, over SPREAD_S seconds or
more. A call that reads eight things from a dead server is one failure, and a server that is down
for a moment, or that a burst of calls runs into, is asked again by the very next call.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from cds_service.outbound.errors import ReadFailed
from cds_service.outbound.urls import Origin

FAILURES = 5  # calls in a row
SPREAD_S = 5.0  # from the first of them to the last
OPEN_S = 10.0  # how long it is left alone, before one call is let through to try
FORGET_S = 60.0  # after which an earlier failure is of another time


@dataclass(slots=True)
class _Trouble:
    since: float
    last: float
    failures: int = 0
    alone_until: float | None = None


class Breakers:
    """A circuit breaker for each origin. One set per process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """The clock tells seconds that only grow."""
        self._clock = clock
        self._troubles: dict[Origin, _Trouble] = {}
        self._lock = Lock()

    def enter(self, origin: Origin) -> None:
        """Let a call through, or not.

        Raises:
            ReadFailed: the server is left alone, and for how long.
        """
        with self._lock:
            trouble, now = self._troubles.get(origin), self._clock()
            if trouble is None or trouble.alone_until is None:
                return
            if now < trouble.alone_until:
                left_s = math.ceil(trouble.alone_until - now)
                raise ReadFailed(
                    f"has failed several times just now, and is left alone for {left_s} s"
                )
            trouble.alone_until = now + OPEN_S  # this call tries, the others go on waiting

    def leave(self, origin: Origin, *, answered: bool) -> None:
        """Say how a call went that was let through."""
        with self._lock:
            if answered:
                self._troubles.pop(origin, None)
            else:
                self._count(origin)

    def _count(self, origin: Origin) -> None:
        now = self._clock()
        recent = {key: one for key, one in self._troubles.items() if now - one.last <= FORGET_S}
        trouble = recent.setdefault(origin, _Trouble(since=now, last=now))
        trouble.last, trouble.failures = now, trouble.failures + 1
        if trouble.failures >= FAILURES and now - trouble.since >= SPREAD_S:
            trouble.alone_until = now + OPEN_S
        self._troubles = recent
