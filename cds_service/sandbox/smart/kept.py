"""Things behind a random name that is told to one other party, until they expire."""

import secrets
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Thing = TypeVar("Thing")

_BYTES = 32  # of randomness in a name


class Kept(Generic[Thing]):
    """Launches, codes or tokens, in memory."""

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        """Keep each for so long, by this clock."""
        self._seconds, self._clock = seconds, clock
        self._things: dict[str, tuple[float, Thing]] = {}
        self._lock = threading.Lock()

    def put(self, thing: Thing, seconds: float | None = None) -> str:
        """Keep a thing; its name."""
        now, name = self._clock(), secrets.token_urlsafe(_BYTES)
        with self._lock:
            self._things = {one: pair for one, pair in self._things.items() if pair[0] > now}
            self._things[name] = (now + (seconds or self._seconds), thing)
        return name

    def find(self, name: str) -> Thing | None:
        """The thing of a name; None when there is none any more."""
        with self._lock:
            until, thing = self._things.get(name, (0.0, None))
        return thing if until > self._clock() else None

    def take(self, name: str) -> Thing | None:
        """The same, which is gone afterwards."""
        with self._lock:
            until, thing = self._things.pop(name, (0.0, None))
        return thing if until > self._clock() else None

    def drop(self, wanted: Callable[[Thing], bool]) -> None:
        """Forget all that are so."""
        with self._lock:
            self._things = {
                name: pair for name, pair in self._things.items() if not wanted(pair[1])
            }
