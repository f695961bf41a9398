"""Each client has a bucket and a number in flight, which all processes count together."""

import subprocess
import sys
from contextlib import ExitStack

import pytest

from cds_service.errors import Overloaded, TooManyRequests
from cds_service.serving.client_limits import SLOTS, ClientLimits


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def let_in(limits: ClientLimits, client: str = "a", attempts: int = 1) -> int:
    """How many of some requests, one after the other, are let in."""
    count = 0
    for _ in range(attempts):
        try:
            with limits.one(client):
                count += 1
        except TooManyRequests:
            pass
    return count


def test_a_bucket_holds_twice_the_rate_and_fills_at_it(clock: Clock) -> None:
    limits = ClientLimits(4.0, 100, clock)
    assert let_in(limits, attempts=30) == 8
    clock.now += 0.5
    assert let_in(limits, attempts=30) == 2
    clock.now += 3600
    assert let_in(limits, attempts=30) == 8


def test_a_rate_below_one_a_second_lets_one_in_and_says_when_to_come_again(clock: Clock) -> None:
    limits = ClientLimits(0.1, 100, clock)
    assert let_in(limits) == 1
    with pytest.raises(TooManyRequests, match="more requests a second") as refused, limits.one("a"):
        pass
    assert refused.value.headers == {"Retry-After": "10"}
    clock.now += 10
    assert let_in(limits) == 1


def test_one_client_takes_nothing_from_another(clock: Clock) -> None:
    limits = ClientLimits(5.0, 1, clock)
    with limits.one("a"):
        assert let_in(limits, "b", attempts=3) == 3


def test_more_in_flight_than_may_be_are_refused_until_one_ends(clock: Clock) -> None:
    limits = ClientLimits(1000.0, 2, clock)
    with limits.one("a"):
        with limits.one("a"), pytest.raises(Overloaded, match="may be at once"):
            let_in(limits)
        assert let_in(limits) == 1


def test_past_the_slots_only_idle_clients_make_room(clock: Clock) -> None:
    limits = ClientLimits(1.0, 1, clock)
    with ExitStack() as held:
        for number in range(SLOTS):
            held.enter_context(limits.one(str(number)))
        clock.now += 60
        with pytest.raises(Overloaded, match="more clients call"):
            let_in(limits, "late")
    assert let_in(limits, "late") == 1


def test_a_killed_process_leaves_no_lock_and_counts_until_it_is_cleared() -> None:
    program = """
import os, signal
from cds_service.errors import Overloaded
from cds_service.serving.client_limits import ClientLimits
limits = ClientLimits(1000.0, 1)
limits.row = 1
if not (child := os.fork()):
    with limits.one("a"), limits._among_processes():
        os.kill(os.getpid(), signal.SIGKILL)
os.waitpid(child, 0)
limits.row = 0
try:
    with limits.one("a"):
        print("too early")
except Overloaded:
    limits.clear(1)
with limits.one("a"):
    print("in")
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "in\n", done.stderr
