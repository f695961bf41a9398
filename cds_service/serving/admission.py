"""Who is let in: so much of one client, and so many calls at once in one process.

What is refused here is counted and logged, and leaves no audit entry: an entry for each request of
a flood would fill the log, and slow down those that are worth one.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps

from flask import current_app, g
from flask.typing import ResponseReturnValue

from cds_service.doors import Doors
from cds_service.errors import Overloaded
from cds_service.serving.client_limits import ClientLimits
from lamo.deadline import Deadline

WAIT_SHARE = 0.5  # of a call's time, at most, until a place is free

View = Callable[[str], ResponseReturnValue]


class Places:
    """So many calls are worked on at once, as many again may wait, and the others may not."""

    def __init__(self, count: int) -> None:
        self._free = threading.Semaphore(count)
        self._to_wait = threading.Semaphore(count)

    @contextmanager
    def one(self, deadline: Deadline) -> Iterator[None]:
        """Hold a place for as long as the context lasts.

        Raises:
            Overloaded: none was free by the deadline, or there are enough who wait for one.
        """
        if not self._free.acquire(blocking=False):
            self._wait(deadline)
        try:
            yield
        finally:
            self._free.release()

    def _wait(self, deadline: Deadline) -> None:
        if not self._to_wait.acquire(blocking=False):
            raise Overloaded("busy")
        try:
            if not self._free.acquire(timeout=deadline.left_s()):
                raise Overloaded("busy")
        finally:
            self._to_wait.release()


class Admission:
    """The limits of clients, which all processes share, and the places of this process."""

    def __init__(self, limits: ClientLimits, places: Places) -> None:
        self._limits, self._places = limits, places

    @contextmanager
    def one(self, client: str, deadline: Deadline) -> Iterator[None]:
        """Let one request in, for as long as the context lasts.

        Args:
            client: who sends it.
            deadline: of the call; waiting for a place takes a share of it.

        Raises:
            TooManyRequests, Overloaded: the request is refused.
        """
        if deadline.left_s() == 0:  # it has waited for a thread until now
            raise Overloaded("busy")
        with self._limits.one(client), self._places.one(deadline.share(WAIT_SHARE)):
            yield


def admitted(view: View) -> View:
    """Decorate a view of a service so that only what is let in reaches it."""

    @wraps(view)
    def let_in(service_id: str) -> ResponseReturnValue:
        doors: Doors = current_app.extensions["doors"]
        with doors.admit(g.caller.client, g.deadline):
            doors.spend(g.caller, g.request_id, g.deadline)
            return view(service_id)

    return let_in
