"""The reads of one call at once: whoever waits for them is back when the deadline ends."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

from cds_service.outbound.errors import LATE, ReadFailed
from cds_service.outbound.visit import Visit

PARALLEL = 8  # reads of one call

T = TypeVar("T")
Job = Callable[[Visit], T]


def side_by_side(
    visit: Visit, jobs: Mapping[str, Job[T]], failed: Callable[[str], T]
) -> dict[str, T]:
    """Do the jobs of a visit at once, by key; what is not done when its deadline ends has failed.

    Args:
        visit: a fresh one; it is over when this returns.
        jobs: each may raise ReadFailed.
        failed: makes of a reason, which completes "the server ...", what stands for an answer.
    """
    if not jobs:
        return {}
    try:
        visit.begin()
    except ReadFailed as refusal:
        return dict.fromkeys(jobs, failed(str(refusal)))
    pool = ThreadPoolExecutor(PARALLEL, "outbound")
    try:
        reads = {key: pool.submit(job, visit) for key, job in jobs.items()}
        wait(reads.values(), timeout=visit.deadline.left_s())
        return {key: _result(read, failed) for key, read in reads.items()}
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        visit.end()  # only now: an exchange cut short can look like an answer


def _result(read: Future[T], failed: Callable[[str], T]) -> T:
    if not read.done() or read.cancelled():
        return failed(LATE)
    try:
        return read.result()
    except ReadFailed as failure:
        return failed(str(failure))
