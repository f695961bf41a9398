"""Why tokens were refused: told to operators, never to whoever sent them."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Engine, delete, select, text

from cds_service.audit.canonical import rfc3339
from cds_service.audit.database import AuditFailure, reporting_failures
from cds_service.clients.models import RefusedTokenRow

log = structlog.get_logger()

REASONS: Mapping[str, str] = {
    "no-token": "the request has no bearer token",
    "not-a-token": "what stands in Authorization is no signed JSON Web Token",
    "algorithm": "the token is not signed with ES384 or RS384",
    "header": "the header of the token asks for what is not done here",
    "issuer": "no registered client has this issuer",
    "disabled": "the client is disabled",
    "public-key": "the issuer is a public sandbox, for which anybody can sign",
    "key-id": "the client has no key with this kid",
    "key-url": "the token names another key URL than the registered one",
    "keys-unavailable": "the client's keys could not be fetched",
    "signature": "the signature does not fit the client's key",
    "claims": "a claim is missing or of the wrong kind",
    "audience": "the token is for another address",
    "expired": "the token has expired",
    "not-yet-valid": "the token is from the future",
    "lifetime": "the token lives longer than is allowed",
    "tenant": "the tenant is not one of the client's",
    "replayed": "the token was used before",
    "certificate": "the client's certificate is missing or another's",
}
KEPT = timedelta(days=30)
PAUSE_S = 1.0  # between two writes of a process
MOST_DETAIL = 500  # characters

_UPSERT = text(
    "INSERT INTO refused_token (minute, client, reason, count, detail, request_id) "
    "VALUES (:minute, :client, :reason, :count, :detail, :request_id) "
    "ON CONFLICT (minute, client, reason) DO UPDATE SET "
    "count = refused_token.count + excluded.count, detail = excluded.detail, "
    "request_id = excluded.request_id"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedToken:
    """Tokens of one client that were refused for one reason within one minute."""

    minute: str  # RFC 3339 in UTC
    client: str  # "" for no registered one
    reason: str  # one of REASONS
    count: int
    detail: str  # of the last one
    request_id: str  # of the last one


class RefusedTokens:
    """Counts refusals, and writes them at most once a second, so that no flood reaches the disk."""

    def __init__(
        self,
        engine: Engine,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._last: dict[tuple[str, str, str], tuple[str, str]] = {}
        self._written_at = clock() - PAUSE_S
        self._is_due = False  # somebody will write what is counted

    def note(self, client: str, reason: str, detail: str, request_id: str) -> None:
        """Count one refusal. A database that fails is logged: the refusal stands all the same."""
        minute = rfc3339(datetime.now(UTC).replace(second=0, microsecond=0))
        with self._lock:
            key = (minute, client, reason)
            self._counts[key] += 1
            self._last[key] = (detail[:MOST_DETAIL], request_id)
            if self._clock() - self._written_at < PAUSE_S:
                self._write_later()
                return
        self._write_now()

    def _write_later(self) -> None:
        """Have another thread write what no refusal may come after to write."""
        if not self._is_due:
            self._is_due = True
            timer = threading.Timer(PAUSE_S, self._write_now)
            timer.daemon = True
            timer.start()

    def _write_now(self) -> None:
        with self._lock:
            self._written_at, self._is_due = self._clock(), False
            rows = self._rows()
        try:
            self._write(rows)
        except AuditFailure as failure:
            log.error("refused_tokens_not_recorded", error=type(failure).__name__)

    def latest(self, limit: int = 100) -> Sequence[RefusedToken]:
        """What was refused, newest first."""
        names = RefusedToken.__slots__
        query = (
            select(*(getattr(RefusedTokenRow, name) for name in names))
            .order_by(RefusedTokenRow.minute.desc(), RefusedTokenRow.client, RefusedTokenRow.reason)
            .limit(limit)
        )
        with self._lock:
            rows = self._rows()
        self._write(rows)
        with reporting_failures(), self._engine.begin() as connection:
            return [RefusedToken(**row) for row in connection.execute(query).mappings()]

    def _rows(self) -> list[dict[str, Any]]:
        rows = [
            {"minute": minute, "client": client, "reason": reason, "count": count}
            | dict(zip(("detail", "request_id"), self._last[minute, client, reason], strict=True))
            for (minute, client, reason), count in self._counts.items()
        ]
        self._counts.clear()
        self._last.clear()
        return rows

    def _write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        if not rows:
            return
        oldest = rfc3339(datetime.now(UTC) - KEPT)
        with reporting_failures(), self._engine.begin() as connection:
            connection.execute(_UPSERT, list(rows))
            connection.execute(delete(RefusedTokenRow).where(RefusedTokenRow.minute < oldest))
