"""Nobody waits for the audit database for longer than a call lasts."""

import threading
import time
from collections.abc import Iterator
from contextvars import ContextVar

import pytest

from cds_service.audit.database import POOL_SIZE, AuditFailure
from cds_service.audit.within import reserve_s, within
from lamo.deadline import Deadline

name: ContextVar[str] = ContextVar("name")


def soon() -> Deadline:
    return Deadline.after_ms(20)


def later() -> Deadline:
    return Deadline.after_ms(60_000)


@pytest.fixture
def database() -> Iterator[threading.Event]:
    """Hangs until it is set."""
    answers = threading.Event()
    yield answers
    answers.set()


def test_what_the_work_returns_or_raises_comes_back() -> None:
    assert within(later(), max, 3, 7) == 7
    with pytest.raises(ZeroDivisionError):
        within(later(), divmod, 1, 0)


def test_the_work_knows_of_the_call_that_it_is_done_for() -> None:
    name.set("call-1")
    assert within(later(), name.get) == "call-1"


def test_a_database_that_hangs_is_given_up_at_the_deadline(database: threading.Event) -> None:
    started = time.monotonic()
    with pytest.raises(AuditFailure) as failure:
        within(soon(), database.wait)
    assert time.monotonic() - started < 5
    assert "did not answer in the time of a call" in failure.value.reason


def test_work_that_was_begun_goes_on_after_its_call_was_given_up(database: threading.Event) -> None:
    done = threading.Event()

    def commit() -> None:
        database.wait()
        done.set()

    with pytest.raises(AuditFailure):
        within(soon(), commit)
    database.set()
    assert done.wait(10)


def test_while_all_threads_hang_no_work_is_begun(database: threading.Event) -> None:
    hung: list[int] = []
    begun: list[int] = []

    def hang() -> None:
        hung.append(1)
        database.wait()

    while len(hung) < POOL_SIZE:
        with pytest.raises(AuditFailure):
            within(soon(), hang)
    with pytest.raises(AuditFailure):
        within(soon(), begun.append, 1)
    database.set()
    within(later(), begun.append, 2)
    assert begun == [2]


@pytest.mark.parametrize(("deadline_ms", "seconds"), [(50, 0.01), (500, 0.1), (60_000, 0.1)])
def test_a_part_of_each_call_is_kept_for_its_record(deadline_ms: int, seconds: float) -> None:
    assert reserve_s(deadline_ms) == pytest.approx(seconds)
    passed = Deadline.after_ms(-1000)
    assert passed.at_least(seconds).left_s() > 0
    assert Deadline.after_ms(deadline_ms).earlier(seconds).left_s() < deadline_ms / 1000
