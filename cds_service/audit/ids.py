"""Event ids: UUIDv7 (RFC 9562, 5.7), so that ids sort in the order in which they were made."""

import secrets
import time
import uuid
from collections.abc import Callable
from datetime import datetime
from threading import Lock

_RANDOM_BITS = 74  # rand_a (12) and rand_b (62), taken together as one counter
_SEED_BITS = _RANDOM_BITS - 1  # a new millisecond starts in the lower half: room to count up
_STEP_BITS = 32


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class EventIds:
    """Makes ids that only ever grow, also within a millisecond and when the clock steps back.

    RFC 9562, 6.2, method 2: the random bits count up by a random step, so that worker
    processes that share a starting point still part ways.
    """

    def __init__(self, now_ms: Callable[[], int] = _now_ms) -> None:
        self._now_ms = now_ms
        self._lock = Lock()
        self._ms = 0
        self._random = 0

    def new(self) -> str:
        """Return the next id, in the usual 36 characters."""
        with self._lock:
            self._advance()
            return str(_uuid7(self._ms, self._random))

    def _advance(self) -> None:
        now_ms = self._now_ms()
        if now_ms > self._ms:
            self._ms, self._random = now_ms, secrets.randbits(_SEED_BITS)
            return
        self._random += 1 + secrets.randbits(_STEP_BITS)
        if self._random >> _RANDOM_BITS:
            self._ms, self._random = self._ms + 1, secrets.randbits(_SEED_BITS)


def _uuid7(ms: int, random: int) -> uuid.UUID:
    rand_a, rand_b = random >> 62, random & ((1 << 62) - 1)
    return uuid.UUID(int=ms << 80 | 0x7 << 76 | rand_a << 64 | 0b10 << 62 | rand_b)


def first_event_id(moment: datetime) -> str:
    """The least id that an event of this moment may have: all earlier ones sort before it."""
    return str(_uuid7(int(moment.timestamp() * 1000), 0))


_event_ids = EventIds()


def new_event_id() -> str:
    """Return a new event id of this process."""
    return _event_ids.new()
