"""A server that keeps failing is left alone for a while, so that calls do not wait for it."""

import time
from collections.abc import Callable
from threading import Lock

from lamo.scoring.base import ScorerUnavailable


class Breaker:
    """Opens after some failures in a row; lets one call through when it has cooled down."""

    def __init__(
        self, failures: int, cool_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._failures, self._cool_s, self._clock = failures, cool_s, clock
        self._in_a_row = 0
        self._opens_at = 0.0
        self._lock = Lock()

    def check(self) -> None:
        """Let the call through, or raise.

        Raises:
            ScorerUnavailable: the server failed too often just now.
        """
        with self._lock:
            if self._in_a_row < self._failures:
                return
            left = self._opens_at - self._clock()
            if left > 0:
                raise ScorerUnavailable(
                    f"the scoring server failed {self._in_a_row} times in a row and is asked "
                    f"again in {left:.0f} s"
                )
            self._opens_at = self._clock() + self._cool_s  # this call tries, others wait for it

    def worked(self) -> None:
        """A call was answered."""
        with self._lock:
            self._in_a_row = 0

    def failed(self) -> None:
        """A call was not answered."""
        with self._lock:
            self._in_a_row += 1
            self._opens_at = self._clock() + self._cool_s
