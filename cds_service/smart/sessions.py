"""Sessions of the app: the cookie is a secret, the database holds its hash and what it seals."""

import json
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, delete, exists, insert, select

from cds_service.audit.canonical import rfc3339
from cds_service.audit.database import reporting_failures
from cds_service.keys.sealing import Sealed, open_sealed, seal
from cds_service.keys.service import KeyService, NotOpened
from cds_service.reviewer.accounts.sessions import digest_of
from cds_service.smart.models import SmartSessionRow

LONGEST = timedelta(minutes=30)

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One person who looks at one decision about one patient."""

    client: str  # name of the registered client
    base: str  # of its FHIR server
    event_id: str  # the decision, as the card's link named it
    user: str = field(repr=False)  # "Practitioner/123"
    patient_id: str = field(repr=False)  # of the launch
    encounter_id: str | None = field(default=None, repr=False)
    token: str = field(repr=False)  # for that FHIR server
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)


class SmartSessions:
    """Opens and finds them. Its methods raise AuditFailure when the database fails."""

    def __init__(self, engine: Engine, keys: KeyService, clock: Clock) -> None:
        self._engine = engine
        self._reader = engine.execution_options(sqlite_begin="BEGIN")  # takes no writer's lock
        self._keys, self._clock = keys, clock

    def open(self, session: Session, lasts: timedelta = LONGEST) -> str:
        """Begin a session; returns its cookie, which is known to nobody before."""
        cookie, now = secrets.token_urlsafe(32), self._clock()
        digest = digest_of(cookie)
        row = {
            "digest": digest,
            "sealed": seal(
                self._keys, json.dumps(asdict(session)).encode(), _context(digest)
            ).to_bytes(),
            "expires_at": rfc3339(now + min(lasts, LONGEST)),
        }
        with reporting_failures(), self._engine.begin() as connection:
            _sweep(connection, rfc3339(now))
            connection.execute(insert(SmartSessionRow), row)
        return cookie

    def find(self, cookie: str) -> Session | None:
        """The session of a cookie, while it lasts. Those that are over go, whosever they are."""
        digest, now = digest_of(cookie), rfc3339(self._clock())
        query = select(SmartSessionRow.sealed).where(
            SmartSessionRow.digest == digest, SmartSessionRow.expires_at > now
        )
        any_over = select(exists().where(SmartSessionRow.expires_at <= now))
        with reporting_failures(), self._reader.begin() as connection:
            sealed = connection.execute(query).scalar_one_or_none()
            is_due = connection.execute(any_over).scalar_one()
        if is_due:
            with reporting_failures(), self._engine.begin() as connection:
                _sweep(connection, now)
        if sealed is None:
            return None
        try:
            opened = open_sealed(self._keys, Sealed.from_bytes(sealed), _context(digest))
        except NotOpened:  # sealed by keys that were taken away since
            return None
        return Session(**json.loads(opened))

    def end(self, cookie: str) -> None:
        """End a session before its time."""
        wanted = SmartSessionRow.digest == digest_of(cookie)
        with reporting_failures(), self._engine.begin() as connection:
            connection.execute(delete(SmartSessionRow).where(wanted))


def _sweep(connection: Connection, now: str) -> None:
    connection.execute(delete(SmartSessionRow).where(SmartSessionRow.expires_at <= now))


def _context(digest: str) -> str:
    return f"smart session {digest}"
