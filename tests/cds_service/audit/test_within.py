"""Nobody waits for the audit database for longer than a call lasts."""

import threading
from collections.abc import Iterator
from contextvars import ContextVar

import pytest

from cds_service.audit.database import POOL_SIZE, AuditFailure
from cds_service.audit.within import reserve_s, within
from lamo.deadline import Deadline
from tests.hanging import Hang
from tests.waiting import WAIT_S

name: ContextVar[str] = ContextVar("name")


def soon() -> Deadline:
    return Deadline.after_ms(20)


def later() -> Deadline:
    return Deadline.after_ms(60_000)


@pytest.fixture
def database() -> Iterator[Hang]:
    with Hang() as hang:
        yield hang


def test_what_the_work_returns_or_raises_comes_back() -> None:
    assert within(later(), max, 3, 7) == 7
    with pytest.raises(ZeroDivisionError):
        within(later(), divmod, 1, 0)


def test_the_work_knows_of_the_call_that_it_is_done_for() -> None:
    name.set("call-1")
    assert within(later(), name.get) == "call-1"


def test_a_database_that_hangs_is_given_up_at_the_deadline(database: Hang) -> None:
    with pytest.raises(AuditFailure) as failure:
        within(soon(), database.wait)
    assert not database.was_waited_for
    assert "did not answer in the time of a call" in failure.value.reason


def test_work_that_was_begun_goes_on_after_its_call_was_given_up(database: Hang) -> None:
    begun, done = threading.Event(), threading.Event()

    def commit() -> None:
        begun.set()
        database.wait()
        done.set()

    while not begun.is_set():
        with pytest.raises(AuditFailure):
            within(soon(), commit)
    assert not done.is_set()
    database.end()
    assert done.wait(WAIT_S)


def test_while_all_threads_hang_no_work_is_begun(database: Hang) -> None:
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
    database.end()
    within(later(), begun.append, 2)
    assert begun == [2]


@pytest.mark.parametrize(("deadline_ms", "seconds"), [(50, 0.01), (500, 0.1), (60_000, 0.1)])
def test_a_part_of_each_call_is_kept_for_its_record(deadline_ms: int, seconds: float) -> None:
    assert reserve_s(deadline_ms) == pytest.approx(seconds)
    passed, whole = (Deadline.after_ms(ms, clock=lambda: 0.0) for ms in (-1000, deadline_ms))
    assert passed.at_least(seconds).left_s() == pytest.approx(seconds)
    assert whole.earlier(seconds).left_s() == pytest.approx(deadline_ms / 1000 - seconds)
