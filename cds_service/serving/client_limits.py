"""How much each client sends, counted over all worker processes together.

The processes share one piece of memory, made before they fork. A client has a slot in it: when its
next request is due, and how many of its requests each process is working on. A lock of the kernel
guards it, which the kernel lets go of when a process dies; what a dead process had in flight is
cleared by the process that started it.
"""

import fcntl
import math
import mmap
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import blake2b

from cds_service.errors import Overloaded, TooManyRequests

SLOTS = 1024  # clients that have something to be remembered
ROWS = 256  # processes: twice the most workers while they are replaced, and to spare
BURST_S = 2.0  # seconds of a client's rate that it may send at once
_KEY_BYTES, _DUE_BYTES, _COUNT_BYTES = 16, 8, 2
_DUE_AT = SLOTS * _KEY_BYTES
_COUNTS_AT = _DUE_AT + SLOTS * _DUE_BYTES


class ClientLimits:
    """A token bucket, and a bound on requests in flight, of each client."""

    def __init__(
        self, rate: float, most_in_flight: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Make the shared memory. To be called before the processes fork.

        Args:
            rate: requests a second of one client, and twice as many at once.
            most_in_flight: requests of one client at once.
            clock: seconds, the same in all processes, as the monotonic clock is on one machine.
        """
        self._interval = 1 / rate
        self._ahead = max(0.0, BURST_S - self._interval)  # a bucket holds one request at the least
        self._most_in_flight = most_in_flight
        self._clock = clock
        self._keys = mmap.mmap(-1, _COUNTS_AT + SLOTS * ROWS * _COUNT_BYTES)
        memory = memoryview(self._keys)
        self._due = memory[_DUE_AT:_COUNTS_AT].cast("d")
        self._counts = memory[_COUNTS_AT:].cast("H")
        self._lock_file = os.memfd_create("client-limits")  # locked only; ends with the processes
        self._lock = threading.Lock()  # the kernel's lock is one for all threads of a process
        self.row = 0  # whose counts are this process's; set just before it is forked

    @contextmanager
    def one(self, client: str) -> Iterator[None]:
        """Let one request of a client in, for as long as the context lasts.

        Raises:
            TooManyRequests: the client sends more a second than it may.
            Overloaded: it has as many in flight as it may, or too many other clients call.
        """
        at = self._enter(blake2b(client.encode(), digest_size=_KEY_BYTES).digest())
        try:
            yield
        finally:
            with self._lock:
                self._counts[at] -= 1

    def clear(self, row: int) -> None:
        """Forget what a process had in flight that is gone. Nobody else writes to its row."""
        for at in range(row, SLOTS * ROWS, ROWS):
            self._counts[at] = 0

    def _enter(self, key: bytes) -> int:
        with self._lock, self._among_processes():
            now = self._clock()
            slot = self._slot_of(key, now)
            self._check_rate(slot, now)
            if sum(self._of(slot)) >= self._most_in_flight:
                raise Overloaded("in-flight")
            at = slot * ROWS + self.row
            self._counts[at] += 1
        return at

    def _check_rate(self, slot: int, now: float) -> None:
        """The generic cell rate algorithm: a token bucket in one number.

        A process that is killed here leaves the number as it was or as it shall be.
        """
        due = max(now, self._due[slot])
        early_s = due - now - self._ahead
        if early_s > 0:
            raise TooManyRequests(math.ceil(early_s))
        self._due[slot] = due + self._interval

    def _slot_of(self, key: bytes, now: float) -> int:
        """Where the client is, else a free slot: one whose bucket is full and that has no request.

        Such a slot holds nothing that would have to be remembered, so taking it changes nothing.
        """
        found = self._keys.find(key, 0, _DUE_AT)
        if found >= 0:
            return found // _KEY_BYTES
        for slot in range(SLOTS):
            if self._due[slot] <= now and not any(self._of(slot)):
                self._keys[slot * _KEY_BYTES : (slot + 1) * _KEY_BYTES] = key
                return slot
        raise Overloaded("clients")

    def _of(self, slot: int) -> memoryview:
        return self._counts[slot * ROWS : (slot + 1) * ROWS]

    @contextmanager
    def _among_processes(self) -> Iterator[None]:
        fcntl.lockf(self._lock_file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(self._lock_file, fcntl.LOCK_UN)
