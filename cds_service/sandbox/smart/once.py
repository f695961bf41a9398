"""Names that are good once, remembered until they would be refused anyway."""

import threading
from collections.abc import Callable


class Once:
    """What was used already, in memory."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Take the clock that expiries are compared with, in seconds since 1970."""
        self._clock = clock
        self._until: dict[str, float] = {}
        self._lock = threading.Lock()

    def take(self, name: str, expires_at: float) -> bool:
        """Whether the name was not taken before; from now on it is."""
        now = self._clock()
        with self._lock:
            self._until = {one: until for one, until in self._until.items() if until > now}
            if name in self._until:
                return False
            self._until[name] = expires_at
            return True
