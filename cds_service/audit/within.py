"""Work on the audit database that nobody waits for longer than a call lasts."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextvars import copy_context
from functools import partial
from typing import ParamSpec, TypeVar

from cds_service.audit.database import POOL_SIZE, AuditFailure
from lamo.deadline import Deadline

P = ParamSpec("P")
T = TypeVar("T")

RESERVE_SHARE = 0.2  # of a call's time, for its record
LONGEST_RESERVE_S = 0.1
LATE = "the audit database did not answer in the time of a call: see that it is up and not locked"

# Threads are started by the first work, so a process may fork before that. A thread that the
# database never answers is lost: as many may be as there are connections, then all are refused.
_threads = ThreadPoolExecutor(POOL_SIZE, "audit")
_free = threading.BoundedSemaphore(POOL_SIZE)


def within(deadline: Deadline, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do something with the audit database, and return what it returns.

    Some waits on a database no setting bounds: a host that is gone, a disk that hangs. So another
    thread does the work, and the one that answers the call waits until the deadline and no longer.
    Work that was begun by then goes on: an entry may be committed after its call was refused. That
    leaves an entry whose cards nobody saw, and never cards without an entry.

    Raises:
        AuditFailure: not done by the deadline; or whatever the work raises.
    """
    if not _free.acquire(timeout=deadline.left_s()):
        raise AuditFailure(LATE)
    done = _threads.submit(copy_context().run, partial(work, *args, **kwargs))
    done.add_done_callback(lambda _: _free.release())
    wait([done], timeout=deadline.left_s())
    if not done.done():
        done.cancel()
        raise AuditFailure(LATE)
    return done.result()


def reserve_s(deadline_ms: int) -> float:
    """Seconds of a call that are kept for its record."""
    return min(RESERVE_SHARE * deadline_ms / 1000, LONGEST_RESERVE_S)
