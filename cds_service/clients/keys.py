"""The keys of clients: pinned, or fetched from the one URL that is registered, and kept a while.

A token never says where keys are: its jku and jwk are not followed. A set is fetched again when it
is old, or when a token names a key that is not in it (clients rotate keys), at a bounded rate.
When its server does not answer, what was fetched goes on for a day; after that nobody passes.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import structlog

from cds_service.clients.client import RegisteredClient
from cds_service.clients.key_sets import KeySetRefused, VerifyingKey, find_key, read_key_set
from cds_service.outbound.errors import ReadFailed
from lamo.deadline import Deadline

log = structlog.get_logger()

FRESH_S = 900.0  # after this a set is fetched again before it is used
USABLE_S = 86_400.0  # after this a set that cannot be fetched again is not used
PAUSE_S = 15.0  # between two fetches from one URL, whatever tokens say
FETCH_SHARE = 0.5  # of a call's time, at most, for fetching keys

Fetch = Callable[[str, Deadline], Any]  # the JSON at a URL; raises ReadFailed


class KeysUnavailable(Exception):  # noqa: N818 - a situation, named as such
    """The keys of a client could not be had; says why."""


@dataclass(slots=True)
class _Kept:
    """What is known of one URL."""

    lock: threading.Lock = field(default_factory=threading.Lock)  # one fetch at a time
    keys: tuple[VerifyingKey, ...] = ()
    fetched_at: float | None = None
    tried_at: float | None = None
    failure: str = "not fetched yet"


class ClientKeys:
    """Finds the key of a token. One per process, shared by its threads."""

    def __init__(self, fetch: Fetch, clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._clock = clock
        self._kept: dict[str, _Kept] = {}
        self._guard = threading.Lock()

    def find(
        self, client: RegisteredClient, kid: str, algorithm: str, deadline: Deadline
    ) -> VerifyingKey | None:
        """The key that a token of the client names; None when there is no such key.

        Raises:
            KeysUnavailable: the key set could not be fetched and none is kept that is fresh enough.
        """
        if client.jwks_url is None:
            return find_key(read_key_set(client.jwks), kid, algorithm) if client.jwks else None
        kept = self._of(client.jwks_url)
        found = find_key(kept.keys, kid, algorithm)
        if found is None or not self._is_younger(kept.fetched_at, FRESH_S):
            self._refresh(kept, client.jwks_url, deadline.share(FETCH_SHARE))
            found = find_key(kept.keys, kid, algorithm)
        if not self._is_younger(kept.fetched_at, USABLE_S):
            raise KeysUnavailable(kept.failure)
        return found

    def _of(self, url: str) -> _Kept:
        with self._guard:
            return self._kept.setdefault(url, _Kept())

    def _is_younger(self, moment: float | None, age_s: float) -> bool:
        return moment is not None and self._clock() - moment < age_s

    def _refresh(self, kept: _Kept, url: str, deadline: Deadline) -> None:
        """Fetch the set, unless that was tried just now or another thread is at it for too long."""
        if not kept.lock.acquire(timeout=deadline.left_s()):
            return
        try:
            if self._is_younger(kept.tried_at, PAUSE_S):
                return
            kept.tried_at = self._clock()
            kept.keys = read_key_set(self._fetch(url, deadline))
            kept.fetched_at = self._clock()
        except (ReadFailed, KeySetRefused) as failure:
            kept.failure = str(failure)
            log.warning("keys_not_fetched", error=type(failure).__name__)
        finally:
            kept.lock.release()
