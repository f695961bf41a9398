"""What was read of a patient, kept for the next call of the same patient: so much, and so long.

The key is the reader (a group or the base model) and the exact tokens: another patient, or one
changed word, is another key. Nothing is found by hash alone.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, Protocol

MOST_S = 3600.0  # since a patient's last call: who was erased elsewhere is forgotten here by then


class Sized(Protocol):
    """Anything that knows what it holds in memory."""

    @property
    def bytes(self) -> int:
        """Bytes held."""


class PrefixCache:
    """Least recently used entries go first. Safe to share between threads.

    Each use drops what was not used for MOST_S; checks of readiness are uses, too.
    """

    def __init__(self, most_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most_bytes, self._clock = most_bytes, clock
        self._entries: OrderedDict[Hashable, tuple[float, Sized]] = OrderedDict()
        self._lock = Lock()
        self._bytes = 0
        self.hits = self.misses = 0

    @property
    def bytes(self) -> int:
        """Bytes held by all entries."""
        return self._bytes

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, key: Hashable) -> Any:
        """The entry of this very key, or None; it becomes the most recently used."""
        with self._lock:
            self._drop_old()
            _, entry = self._entries.pop(key, (0.0, None))
            if entry is None:
                self.misses += 1
                return None
            self._entries[key] = (self._clock(), entry)
            self.hits += 1
            return entry

    def keep(self, key: Hashable, entry: Sized) -> None:
        """Keep an entry; one that is larger than the bound is not kept."""
        if entry.bytes > self._most_bytes:
            return
        with self._lock:
            self._drop_old()
            _, earlier = self._entries.pop(key, (0.0, None))
            self._bytes += entry.bytes - (earlier.bytes if earlier else 0)
            self._entries[key] = (self._clock(), entry)
            while self._bytes > self._most_bytes:
                self._drop_oldest()

    def clear(self) -> None:
        """Forget everybody."""
        with self._lock:
            self._entries.clear()
            self._bytes = 0

    def _drop_old(self) -> None:
        long_ago = self._clock() - MOST_S
        while self._entries and next(iter(self._entries.values()))[0] < long_ago:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        _, (_, oldest) = self._entries.popitem(last=False)
        self._bytes -= oldest.bytes
