"""Waiting for what comes about by itself, however busy the machine is."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from lamo.deadline import Deadline

WAIT_S = 300.0  # reached by a test that fails, and by no other
TRIES = 20

T = TypeVar("T")


def wait_until(is_so: Callable[[], object]) -> None:
    """Return when it is so; the test fails when it never is."""
    ends_at = time.monotonic() + WAIT_S
    while not is_so():
        assert time.monotonic() < ends_at, "it did not come about"
        time.sleep(0.02)


def in_some_tries(attempt: Callable[[], T], *, despite: type[Exception]) -> T:
    """What it returns in one of a few tries: what has little time may be late on a busy machine."""
    for _ in range(TRIES - 1):
        with suppress(despite):
            return attempt()
    return attempt()


class Waiters:
    """Who waits until a deadline: whoever does has asked it how much time is left."""

    def __init__(self) -> None:
        self._threads: set[int] = set()

    def deadline(self) -> Deadline:
        """One that is far away."""
        return Deadline(time.monotonic() + WAIT_S, self._clock)

    def have_come(self, count: int) -> bool:
        """Whether so many threads wait."""
        return len(self._threads) >= count

    def _clock(self) -> float:
        self._threads.add(threading.get_ident())
        return time.monotonic()
