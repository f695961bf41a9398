"""One thread that does all of a model's work, and a bounded queue before it."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from typing import TypeVar

import torch

from lamo.deadline import Deadline
from lamo.scoring.base import ScorerUnavailable

T = TypeVar("T")

WEIGHT = 0.1  # of the newest call in the running mean of how long one takes


class Turns:
    """Calls take turns at the model; two at once would each take twice as long.

    All work is done by one thread, which the first call starts. Every thread that multiplies
    matrices gets helper threads of its own; with more of these than processors each of them sleeps
    and wakes instead of waiting, and everything takes twice as long.

    A call whose turn would come too late is refused at once. If it waited, it would be given up
    half done, and the work in it would be missing to those behind it.
    """

    def __init__(self, most_waiting: int, threads: int) -> None:
        """Start nothing yet.

        Args:
            most_waiting: calls that may wait for their turn.
            threads: processor threads for the model.
        """
        self._most_waiting = most_waiting
        self._waiting = 0  # the one at the model included
        self._usual_s = 0.0
        self._counting = threading.Lock()
        self._thread = ThreadPoolExecutor(
            1, "model", initializer=torch.set_num_threads, initargs=(threads,)
        )

    def take(self, work: Callable[[], T], deadline: Deadline) -> T:
        """Wait for the model and do the work there, all before the deadline.

        Raises:
            ScorerUnavailable: too many are waiting, or the deadline comes first; work that has not
                begun by then never does.
        """
        self._join(deadline)
        done = self._thread.submit(self._timed, work)
        try:
            return done.result(timeout=deadline.left_s())
        except TooLate:
            if done.cancel():
                self._leave()
            raise ScorerUnavailable("the model was busy until the deadline") from None

    def _join(self, deadline: Deadline) -> None:
        with self._counting:
            ahead = self._waiting
            if ahead > self._most_waiting:
                raise ScorerUnavailable(f"{ahead} other calls are at the model")
            if ahead and (ahead + 1) * self._usual_s > deadline.left_s():
                raise ScorerUnavailable(
                    f"{ahead} other calls are at the model, which take longer than this one may"
                )
            self._waiting += 1

    def _timed(self, work: Callable[[], T]) -> T:
        started = time.monotonic()
        try:
            return work()
        finally:
            self._leave(time.monotonic() - started)

    def _leave(self, spent_s: float | None = None) -> None:
        with self._counting:
            self._waiting -= 1
            if spent_s is not None:
                self._usual_s += WEIGHT * (spent_s - self._usual_s)
