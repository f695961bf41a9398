"""One call at a time at the model, a bounded number of others waiting, none longer than it may."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from lamo.deadline import Deadline
from lamo.scoring.base import ScorerUnavailable


class Turns:
    """A queue before the engine. Two calls at once would each take twice as long."""

    def __init__(self, most_waiting: int) -> None:
        self._most_waiting = most_waiting
        self._waiting = 0
        self._counting = Lock()
        self._engine = Lock()

    @contextmanager
    def mine(self, deadline: Deadline) -> Iterator[None]:
        """Wait for the engine, use it, give it back.

        Raises:
            ScorerUnavailable: too many are waiting, or the deadline came before the turn did.
        """
        with self._counting:
            if self._waiting >= self._most_waiting:
                raise ScorerUnavailable(f"{self._waiting} other calls are waiting for the model")
            self._waiting += 1
        try:
            has_turn = self._engine.acquire(timeout=deadline.left_s())
        finally:
            with self._counting:
                self._waiting -= 1
        if not has_turn:
            raise ScorerUnavailable("the scoring engine was busy with other calls")
        try:
            yield
        finally:
            self._engine.release()
