"""Sessions: a random cookie, of which the database holds the hash."""

import hashlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Engine, delete, insert, or_, select, update

from cds_service.audit.canonical import rfc3339
from cds_service.audit.database import reporting_failures
from cds_service.reviewer.accounts.account import Account, account_of, stored
from cds_service.reviewer.accounts.models import SessionRow
from cds_service.reviewer.viewer import Viewer

LONGEST = timedelta(hours=12)
IDLE = timedelta(minutes=30)
NOTED = timedelta(minutes=1)  # a session that was seen more lately is not written again

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSession:
    """One session of an account, for its owner to look at."""

    digest: str
    created_at: str  # RFC 3339 in UTC
    seen_at: str
    expires_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Whose session it is, ready for pages or not."""

    account: Account
    csrf: str


class Sessions:
    """Opens, finds and ends sessions. Its methods raise AuditFailure when the database fails."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._reader = engine.execution_options(sqlite_begin="BEGIN")  # takes no writer's lock
        self._clock = clock

    def open(self, account: str) -> str:
        """Begin a session; returns its cookie, which is known to nobody before."""
        cookie, now = secrets.token_urlsafe(32), self._clock()
        row = {
            "digest": digest_of(cookie),
            "account": account,
            "csrf": secrets.token_urlsafe(32),
            "created_at": rfc3339(now),
            "seen_at": rfc3339(now),
            "expires_at": rfc3339(now + LONGEST),
        }
        with reporting_failures(), self._engine.begin() as connection:
            connection.execute(delete(SessionRow).where(_is_over(now)))
            connection.execute(insert(SessionRow), row)
        return cookie

    def find(self, cookie: str) -> Found | None:
        """Whose session a cookie is of, while it lasts and they are not disabled."""
        if not cookie:
            return None
        now = self._clock()
        query = select(SessionRow.account, SessionRow.csrf, SessionRow.seen_at).where(
            SessionRow.digest == digest_of(cookie), ~_is_over(now)
        )
        with reporting_failures(), self._reader.begin() as connection:
            session = connection.execute(query).one_or_none()
            row = stored(connection, session.account) if session else None
        if session is None or row is None or row.disabled_at is not None:
            return None
        if session.seen_at < rfc3339(now - NOTED):
            self._note(cookie, now)
        return Found(account=account_of(row), csrf=session.csrf)

    def find_viewer(self, cookie: str) -> Viewer | None:
        """Who may see pages with this cookie."""
        found = self.find(cookie)
        if found is None or not found.account.is_ready:
            return None
        return Viewer(account=found.account.name, roles=found.account.roles, csrf=found.csrf)

    def end(self, cookie: str) -> None:
        """End one session."""
        with reporting_failures(), self._engine.begin() as connection:
            connection.execute(delete(SessionRow).where(SessionRow.digest == digest_of(cookie)))

    def end_others(self, account: str, cookie: str) -> int:
        """End all sessions of an account but one; returns how many there were."""
        others = SessionRow.digest != digest_of(cookie)
        with reporting_failures(), self._engine.begin() as connection:
            found = delete(SessionRow).where(SessionRow.account == account, others)
            return connection.execute(found).rowcount

    def of(self, account: str) -> Sequence[OpenSession]:
        """The sessions of an account, the newest first."""
        names = OpenSession.__slots__
        query = (
            select(*(getattr(SessionRow, name) for name in names))
            .where(SessionRow.account == account, ~_is_over(self._clock()))
            .order_by(SessionRow.created_at.desc())
        )
        with reporting_failures(), self._reader.begin() as connection:
            return [OpenSession(**row) for row in connection.execute(query).mappings()]

    def _note(self, cookie: str, now: datetime) -> None:
        """Say that a session was used, so that it is not idle."""
        mine = update(SessionRow).where(SessionRow.digest == digest_of(cookie))
        with reporting_failures(), self._engine.begin() as connection:
            connection.execute(mine.values(seen_at=rfc3339(now)))


def digest_of(cookie: str) -> str:
    """What the database holds of a cookie."""
    return hashlib.sha256(cookie.encode("utf-8", "surrogatepass")).hexdigest()


def end_sessions(connection: Connection, account: str) -> None:
    """End all sessions of an account, with whatever else the transaction does."""
    connection.execute(delete(SessionRow).where(SessionRow.account == account))


def _is_over(now: datetime) -> ColumnElement[bool]:
    idle = SessionRow.seen_at <= rfc3339(now - IDLE)
    return or_(SessionRow.expires_at <= rfc3339(now), idle)
