"""How long what is protected is kept: erasure, retention, legal holds, and the keys' rotation.

Payloads and keys are deleted here and nowhere else. Events stay as they are, so every hash over
them holds; what was done is an event itself.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection, delete, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from cds_service.audit.bodies import seal_event
from cds_service.audit.canonical import rfc3339
from cds_service.audit.counting import WorkerCounter
from cds_service.audit.database import open_engine, reporting_failures
from cds_service.audit.expiry import Gone, count_due, delete_keys, delete_payloads
from cds_service.audit.ids import new_event_id
from cds_service.audit.models import HoldRow, PatientRow, PayloadRow
from cds_service.audit.partitions import drop_expired, make_partitions
from cds_service.audit.vault import Kind, Vault, Whom
from cds_service.audit.whose import is_anothers, pid_of
from cds_service.audit.writing import insert_events
from cds_service.keys.service import KEY_BYTES, KeyService

KEPT = timedelta(days=6 * 365.25 + 30)  # six years and 30 days
SHORTEST = timedelta(days=184)  # six months: Regulation (EU) 2024/1689, Article 26(6)
EVERYBODY = "all"
TIMEOUT_S = 60.0
REWRAPPED_AT_ONCE = 200  # keys in one transaction: of old ones, payloads are opened as well
RACES = 3  # with a service that writes of the same patient

T = TypeVar("T")

_UNKNOWN = (
    "nothing is kept of this patient of this client: see that both are written as in "
    "`lamo-cds audit list`"
)


class HoldInPlace(Exception):  # noqa: N818 - a situation, named as such
    """A legal hold is in the way."""


class PatientUnknown(LookupError):  # noqa: N818 - a situation, named as such
    """Nothing is kept of this patient of this client."""


def _now() -> datetime:
    return datetime.now(UTC)


class Keeper:
    """Does it, beside a service that runs. Raises AuditFailure as AuditLog does."""

    def __init__(
        self, database_url: str, keys: KeyService, *, clock: Callable[[], datetime] = _now
    ) -> None:
        self._engine = open_engine(database_url, timeout_s=TIMEOUT_S)
        self._vault, self._keys = Vault(keys), keys
        self._clock, self._counter = clock, WorkerCounter()

    def erasable(self, whom: Whom, count_notes: Callable[[str], int]) -> Gone:
        """How much erase() would delete, which nothing is yet.

        Args:
            whom: the patient, as a client names them.
            count_notes: says how many digests of a patient id there are.

        Raises:
            HoldInPlace: the patient, or everybody, is under a legal hold.
            PatientUnknown: there is nothing to erase.
        """
        with reporting_failures(), self._engine.begin() as connection:
            pid = self._free(connection, whom)
            mine = select(func.count()).select_from(PayloadRow).where(PayloadRow.patient == pid)
            payloads = connection.scalar(mine) if pid else 0
        digests = count_notes(whom.patient_id)
        if pid is None and not digests:
            raise PatientUnknown(_UNKNOWN)
        return Gone(payloads=payloads or 0, patients=1 if pid else 0, note_digests=digests)

    def erase(self, whom: Whom, forget_notes: Callable[[str], int]) -> Gone:
        """Delete a patient's key, payloads and digests of notes, and all sessions of the app.

        Args:
            whom: the patient, as a client names them.
            forget_notes: deletes the digests of a patient id, which no client's name is part of,
                and says how many there were.

        Raises:
            HoldInPlace: the patient, or everybody, is under a legal hold.
            PatientUnknown: there is nothing to erase.
            AuditFailure: the row that the patient is found by is another's.
        """
        with reporting_failures(), self._engine.begin() as connection:
            pid = self._free(connection, whom)
        digests = forget_notes(whom.patient_id)
        if pid is None and not digests:
            raise PatientUnknown(_UNKNOWN)

        def work(connection: Connection) -> Gone:
            self._refuse_held(connection, pid)
            # whoever writes of the patient right now ends first, and nobody begins
            mine = select(PatientRow.pid).where(PatientRow.pid == pid).with_for_update()
            connection.execute(mine)
            # they name their patients under seal alone, and last half an hour: none is spared
            connection.execute(text("DELETE FROM smart_session"))
            payloads = connection.execute(delete(PayloadRow).where(PayloadRow.patient == pid))
            patients = connection.execute(delete(PatientRow).where(PatientRow.pid == pid))
            counts = (payloads.rowcount, patients.rowcount) if pid else (0, 0)
            gone = Gone(payloads=counts[0], patients=counts[1], note_digests=digests)
            self._record(connection, "erase-patient", pid, asdict(gone))
            return gone

        gone = self._racing(work)
        self._overwrite()
        return gone

    def due(self, before: datetime) -> Gone:
        """What purge() would delete."""
        with reporting_failures(), self._engine.begin() as connection:
            self._refuse_held(connection, None)
            return count_due(connection, before)

    def purge(self, before: datetime) -> Gone:
        """Delete payloads of events before a moment, and keys that nothing is left of.

        What is under a legal hold stays. The event that says so is committed first, so that no
        payload is ever gone without a word.

        Raises:
            HoldInPlace: everybody is under a legal hold.
        """

        def announce(connection: Connection) -> Gone:
            self._refuse_held(connection, None)
            due = count_due(connection, before)
            if due.payloads or due.patients or due.periods:
                self._record(connection, "purge", None, {"before": rfc3339(before), **asdict(due)})
            return due

        due = self._racing(announce)
        if self._engine.dialect.name == "postgresql":
            self._racing(lambda connection: drop_expired(connection, before))
            self._racing(lambda connection: make_partitions(connection, self._clock()))
        while self._racing(lambda connection: delete_payloads(connection, before)):
            pass
        self._racing(lambda connection: delete_keys(connection, before))
        self._overwrite()
        return due

    def hold(self, whom: Whom | None) -> None:
        """Put a patient under a legal hold, or everybody; done before does no harm."""

        def work(connection: Connection) -> None:
            subject = self._subject(connection, whom)
            if subject not in _holds(connection):
                row = {"subject": subject, "placed_at": rfc3339(self._clock())}
                connection.execute(insert(HoldRow), row)
                self._record(connection, "hold-add", _pid_of(subject), {})

        self._racing(work)

    def release(self, whom: Whom | None) -> bool:
        """End a legal hold; whether there was one."""

        def work(connection: Connection) -> bool:
            subject = self._subject(connection, whom)
            gone = connection.execute(delete(HoldRow).where(HoldRow.subject == subject)).rowcount
            if gone:
                self._record(connection, "hold-remove", _pid_of(subject), {})
            return bool(gone)

        return self._racing(work)

    def holds(self) -> Mapping[str, str]:
        """The legal holds: since when, by pid or EVERYBODY."""
        with reporting_failures(), self._engine.begin() as connection:
            return _holds(connection)

    def rotate(self) -> int:
        """Wrap every key under the tenant's newest key; no payload is touched.

        A key that an older release wrapped for its pid alone is wrapped for its lookup as well,
        unless the row is not that patient's: then `verify` goes on naming it.

        Returns:
            How many were wrapped anew.
        """
        newest = self._keys.wrap(secrets.token_bytes(KEY_BYTES), "probe").key_id
        count = 0
        for kind in self._vault.kinds():
            after: str | None = ""
            while after is not None:
                page = partial(self._rewrap_page, kind=kind, newest=newest, after=after)
                after, some = self._racing(page)
                count += some
        if count:
            counts = {"keys": count, "key_id": newest}
            self._racing(lambda connection: self._record(connection, "rotate-keys", None, counts))
            self._overwrite()
        return count

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def _free(self, connection: Connection, whom: Whom) -> str | None:
        """The pid of a patient who is under no hold; None where the log keeps nothing of them."""
        pid = pid_of(connection, self._vault, whom)
        self._refuse_held(connection, pid)
        return pid

    def _subject(self, connection: Connection, whom: Whom | None) -> str:
        pid = pid_of(connection, self._vault, whom) if whom else EVERYBODY
        if pid is None:
            raise PatientUnknown(_UNKNOWN)
        return pid

    def _refuse_held(self, connection: Connection, pid: str | None) -> None:
        holds = _holds(connection)
        for subject, whose in ((EVERYBODY, "everybody"), (pid, "this patient")):
            if subject is not None and subject in holds:
                raise HoldInPlace(
                    f"{whose} is under a legal hold since {holds[subject]}: nothing is deleted "
                    "before `lamo-cds audit hold remove`"
                )

    def _rewrap_page(
        self, connection: Connection, kind: Kind, newest: str, after: str
    ) -> tuple[str | None, int]:
        """Go on behind a name: the last one seen, None at the end, and how many were wrapped."""
        query = kind.query.add_columns(kind.model.key_id.label("under")).where(kind.name > after)
        rows = connection.execute(query.order_by(kind.name).limit(REWRAPPED_AT_ONCE)).all()
        count = 0
        for *row, under in rows:
            key = kind.read(*row)
            to_bind = not key.is_bound and not is_anothers(connection, self._vault, key)
            if under != newest or to_bind:
                columns = self._vault.rewrapped(replace(key, is_bound=key.is_bound or to_bind))
                connection.execute(update(kind.model).where(kind.name == row[0]).values(columns))
                count += 1
        return (rows[-1][0] if rows else None), count

    def _record(
        self, connection: Connection, action: str, pid: str | None, counts: Mapping[str, Any]
    ) -> None:
        event = {
            "event_id": new_event_id(),
            "kind": "retention",
            "action": action,
            "outcome": "ok",
            "status": 200,
            "client": "operator",
            "recorded_at": rfc3339(self._clock()),
            "counts": dict(counts),
        }
        with self._counter.numbers(1) as (worker,):
            sealed = seal_event(event | {"worker": worker}, None, pid)
            insert_events(connection, [sealed])

    def _racing(self, work: Callable[[Connection], T]) -> T:
        """In one transaction; again when a service wrote of the same patient meanwhile."""
        with reporting_failures():
            for _ in range(RACES):
                try:
                    with self._engine.begin() as connection:
                        return work(connection)
                except IntegrityError as error:
                    lost = error
            raise lost

    def _overwrite(self) -> None:
        """Have deleted rows leave the files, as far as the database does that."""
        with reporting_failures(), self._engine.connect() as connection:
            if connection.dialect.name == "sqlite":  # deleted bytes are zeroed; not in its log yet
                outside = connection.execution_options(sqlite_begin=None)
                outside.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
                return
            outside = connection.execution_options(isolation_level="AUTOCOMMIT")
            outside.execute(text("SET statement_timeout = 0"))
            outside.execute(text("VACUUM patient, period, payload, note_digest, smart_session"))


def _pid_of(subject: str) -> str | None:
    return None if subject == EVERYBODY else subject


def _holds(connection: Connection) -> Mapping[str, str]:
    rows = connection.execute(
        select(HoldRow.subject, HoldRow.placed_at).order_by(HoldRow.placed_at)
    )
    return {row.subject: row.placed_at for row in rows}
