"""A count in every event of a process, so that one that is missing from the middle is missed.

A number whose transaction failed is told as unused by the next event, else it would look lost.
"""

import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from typing import Any


class WorkerCounter:
    """Numbers the events of one process from 1 on, without gaps. For all of its threads."""

    def __init__(self) -> None:
        """Make it after the fork: no two processes may have the same id."""
        self._id = secrets.token_hex(8)
        self._lock = Lock()
        self._last = 0
        self._unused: list[int] = []

    @contextmanager
    def numbers(self, count: int) -> Iterator[list[dict[str, Any]]]:
        """The field `worker` of so many events; in a block that fails none of them counts."""
        with self._lock:
            unused: list[int] = []
            if count:  # else there is no event to tell them
                unused, self._unused = self._unused, []
            first = self._last + 1
            self._last += count
        stamps = [{"id": self._id, "counter": first + place} for place in range(count)]
        if unused:
            stamps[0]["unused"] = unused
        try:
            yield stamps
        except BaseException:
            self.give_back(stamps)
            raise

    def give_back(self, stamps: Iterable[Mapping[str, Any]]) -> None:
        """Tell that the events with these were not committed."""
        with self._lock:
            for stamp in stamps:
                self._unused += [*stamp.get("unused", ()), stamp["counter"]]
