"""Which tokens were taken: each is good for one request, in all processes together."""

import hashlib
import threading
import time
from collections.abc import Callable

from sqlalchemy import Engine, delete, text

from cds_service.audit.database import reporting_failures, without_transactions
from cds_service.clients.models import SeenTokenRow

PURGE_S = 60.0  # how often a process looks for what has expired
_INSERT = text(
    "INSERT INTO seen_token (digest, expires_at) VALUES (:digest, :expires_at) "
    "ON CONFLICT DO NOTHING"
)


class SeenTokens:
    """Remembers the jti of every token until it has expired (RFC 7519 section 4.1.7).

    Made for an engine whose commits do not wait for the disk: after a crash of the database's
    machine, tokens of its last half second could be sent again. A crash or restart of the service
    forgets nothing.
    """

    def __init__(
        self,
        engine: Engine,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = without_transactions(engine)
        self._clock = clock
        self._lock = threading.Lock()
        self._purged_at = clock()

    def take(self, client: str, jti: str, *, expires_at: int, now: int) -> bool:
        """Remember a token; False when it was taken before.

        Args:
            client: the name of the client whose verified token it is.
            jti: as the token has it.
            expires_at: seconds since 1970 from which on the token is refused anyway.
            now: seconds since 1970.

        Raises:
            AuditFailure: the database does not do its part, so nobody can tell.
        """
        digest = hashlib.sha256(f"{client}\n{jti}".encode("utf-8", "surrogatepass")).hexdigest()
        with reporting_failures(), self._engine.begin() as connection:
            taken = connection.execute(_INSERT, {"digest": digest, "expires_at": expires_at})
            if self._is_time_to_purge():
                expired = delete(SeenTokenRow).where(SeenTokenRow.expires_at < now)
                connection.execute(expired)
        return taken.rowcount == 1

    def _is_time_to_purge(self) -> bool:
        with self._lock:
            due = self._clock() - self._purged_at >= PURGE_S
            if due:
                self._purged_at = self._clock()
            return due
