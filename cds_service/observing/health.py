"""Whether calls can be answered: checks by name, bounded in time, and not repeated by a flood.

A check that hangs is reported and left to end by itself; it is not begun a second time meanwhile.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

WAIT_S = 2.0  # for all checks together
KEEP_S = 1.0  # for so long an answer stands


class Unwell(Exception):  # noqa: N818 - a situation
    """A check found something wrong. The text is shown to anybody: no address, no secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that is looked at."""

    name: str
    look: Callable[[], str]  # says in a few words what it found; Unwell when that is not well
    is_needed: bool = True  # False: told, and calls are answered all the same


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What one check found."""

    name: str
    is_ok: bool
    is_needed: bool
    why: str


class Health:
    """Looks at everything that calls depend on. One per process, made after a fork."""

    def __init__(
        self,
        checks: Sequence[Check],
        *,
        wait_s: float = WAIT_S,
        keep_s: float = KEEP_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._checks, self._wait_s, self._keep_s, self._clock = checks, wait_s, keep_s, clock
        self._pool = ThreadPoolExecutor(max(1, len(checks)), "health")
        self._looking: dict[str, Future[str]] = {}
        self._lock = threading.Lock()
        self._found: tuple[Found, ...] | None = None
        self._stale_at = 0.0

    def ask(self) -> tuple[Found, ...]:
        """What the checks found, at most `keep_s` ago; while they are at it, what they had found.

        Only the very first ones who ask wait for each other.
        """
        found = self._found
        if not self._lock.acquire(blocking=found is None):
            return found or ()
        try:
            if self._found is None or self._clock() >= self._stale_at:
                self._found = self._look()
                self._stale_at = self._clock() + self._keep_s
            return self._found
        finally:
            self._lock.release()

    def _look(self) -> tuple[Found, ...]:
        for check in self._checks:
            before = self._looking.get(check.name)
            if before is None or before.done():
                self._looking[check.name] = self._pool.submit(check.look)
        wait(self._looking.values(), timeout=self._wait_s)
        return tuple(self._found_by(check) for check in self._checks)

    def _found_by(self, check: Check) -> Found:
        is_ok, why = self._result(self._looking[check.name])
        return Found(name=check.name, is_ok=is_ok, is_needed=check.is_needed, why=why)

    def _result(self, look: Future[str]) -> tuple[bool, str]:
        if not look.done():
            return False, f"no answer within {self._wait_s:g} s"
        error = look.exception()
        if error is None:
            return True, look.result()
        # what is unforeseen is told by its name alone: its text may quote a secret
        return False, str(error) if isinstance(error, Unwell) else type(error).__name__
