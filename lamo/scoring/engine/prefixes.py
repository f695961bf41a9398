"""What was read of a patient, kept for the next call of the same patient, within a bound in bytes.

The key is the reader (a group or the base model) and the exact tokens: another patient, or one
changed word, is another key. Nothing is found by hash alone.
"""

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import Any, Protocol


class Sized(Protocol):
    """Anything that knows what it holds in memory."""

    @property
    def bytes(self) -> int:
        """Bytes held."""


class PrefixCache:
    """Least recently used entries go first. Safe to share between threads."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._entries: OrderedDict[Hashable, Sized] = OrderedDict()
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
            entry = self._entries.get(key)
            if entry is None:
                self.misses += 1
                return None
            self._entries.move_to_end(key)
            self.hits += 1
            return entry

    def keep(self, key: Hashable, entry: Sized) -> None:
        """Keep an entry; one that is larger than the bound is not kept."""
        if entry.bytes > self._most_bytes:
            return
        with self._lock:
            earlier = self._entries.pop(key, None)
            self._bytes += entry.bytes - (earlier.bytes if earlier else 0)
            self._entries[key] = entry
            while self._bytes > self._most_bytes:
                _, oldest = self._entries.popitem(last=False)
                self._bytes -= oldest.bytes

    def clear(self) -> None:
        """Forget everybody."""
        with self._lock:
            self._entries.clear()
            self._bytes = 0
