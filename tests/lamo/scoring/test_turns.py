"""The queue before the model: one at a time, in order, and nobody waits in vain."""

import threading
import time

import pytest

from lamo.deadline import Deadline
from lamo.scoring.base import ScorerUnavailable
from lamo.scoring.turns import Turns
from tests.waiting import WAIT_S


def later() -> Deadline:
    return Deadline.after_ms(60_000)


def _raises() -> None:
    raise KeyError("x")


class Held:
    """Work that lasts until it is let go."""

    def __init__(self, turns: Turns) -> None:
        self.go, self._begun = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=turns.take, args=(self._work, later()))

    def __enter__(self) -> "Held":
        self._thread.start()
        assert self._begun.wait(WAIT_S)
        return self

    def __exit__(self, *_: object) -> None:
        self.go.set()
        self._thread.join()

    def _work(self) -> None:
        self._begun.set()
        assert self.go.wait(WAIT_S)


def test_what_the_work_returns_or_raises_comes_back() -> None:
    turns = Turns(most_waiting=1, threads=1)
    assert turns.take(lambda: 7, later()) == 7
    with pytest.raises(KeyError):
        turns.take(_raises, later())
    assert turns.take(lambda: 8, later()) == 8


def test_all_work_is_done_by_one_thread() -> None:
    turns = Turns(most_waiting=1, threads=1)
    names = {turns.take(lambda: threading.current_thread().name, later()) for _ in range(3)}
    assert len(names) == 1


def test_a_call_that_waits_longer_than_it_may_is_never_begun() -> None:
    turns, done = Turns(most_waiting=5, threads=1), []
    with Held(turns), pytest.raises(ScorerUnavailable, match="busy until the deadline"):
        turns.take(lambda: done.append(1), Deadline.after_ms(20))
    assert turns.take(lambda: done, later()) == []


def test_more_than_may_wait_are_refused_at_once() -> None:
    turns = Turns(most_waiting=0, threads=1)
    with Held(turns), pytest.raises(ScorerUnavailable, match="1 other calls are at the model"):
        turns.take(lambda: 1, later())
    assert turns.take(lambda: 1, later()) == 1


def test_a_call_whose_turn_would_come_too_late_does_not_wait_for_it() -> None:
    turns = Turns(most_waiting=5, threads=1)
    for _ in range(20):
        turns.take(lambda: time.sleep(0.02), later())
    with Held(turns), pytest.raises(ScorerUnavailable, match="take longer than this one may"):
        turns.take(lambda: 1, Deadline.after_ms(25))
