"""The audit log: entries go in, each in one transaction; events come out, newest first.

Nothing here updates or deletes a row, and the database refuses it as well (but see keeping.py).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from cds_service.answers import Answers
from cds_service.audit.bodies import SealedEvent, build_event, seal_event
from cds_service.audit.counting import WorkerCounter
from cds_service.audit.database import (
    DEFAULT_TIMEOUT_S,
    open_engine,
    reporting_failures,
)
from cds_service.audit.entries import (
    AccessEntry,
    AdministrationEntry,
    DecisionEntry,
    Entry,
    ErrorEntry,
    FeedbackEntry,
    ShadowEntry,
)
from cds_service.audit.feedback import feedback_columns, new_feedback
from cds_service.audit.ids import first_event_id
from cds_service.audit.merkle import leaf_hash
from cds_service.audit.migrate import check_head, check_writable
from cds_service.audit.overrides import overrides_of
from cds_service.audit.reading import (
    EventSummary,
    EventUnknown,
    StoredEvent,
    find_event,
    list_events,
    page_of_kind,
)
from cds_service.audit.vault import Vault, Whom
from cds_service.audit.writing import insert_events
from cds_service.keys.service import KeyService

__all__ = ["AuditLog", "EventSummary", "EventUnknown", "StoredEvent"]

RACES = 3  # of processes that are told the same at once: all but one lose, and look again

NOBODY = {"patient_client": None, "patient_id": None}

Change = Callable[[Connection], None]

T = TypeVar("T")


def unchanged(connection: Connection) -> None:
    """No change: for an event that only tells of one."""
    del connection


def _now() -> datetime:
    return datetime.now(UTC)


class AuditLog:
    """Writes and reads the audit log of one database.

    Every method raises AuditUnavailable (as AuditFailure, which has a `reason` for the operator)
    when the database does not do its part; after an append has returned, the event is committed.
    Connections are made on first use: one log per process.
    """

    def __init__(
        self,
        database_url: str,
        keys: KeyService,
        *,
        clock: Callable[[], datetime] = _now,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        reader_url: str | None = None,
    ) -> None:
        """Open a log.

        Args:
            database_url: of the database.
            keys: under which all that is protected is encrypted; other keys read bodies alone.
            clock: tells when an event is recorded.
            timeout_s: how long a connection, a lock or a statement may take.
            reader_url: of the same database as a role that may read payloads; None for the first.
        """
        self._engine = open_engine(database_url, timeout_s=timeout_s)
        self._reader = open_engine(database_url, timeout_s=timeout_s, read_only=True)
        self._shower = self._reader
        if reader_url is not None:
            self._shower = open_engine(reader_url, timeout_s=timeout_s, read_only=True)
        # an append is one statement there: the connections of reads save it two round trips
        is_one_statement = self._engine.dialect.name == "postgresql"
        self._appender = self._reader if is_one_statement else self._engine
        self._vault = Vault(keys)
        self._clock = clock
        self._counter = WorkerCounter()

    def append_decision(self, entry: DecisionEntry) -> bytes:
        """Commit a decision with the cards as sent. Until this returns, no card may leave.

        Returns:
            Its leaf hash, for the receipt.
        """
        whom = Whom(client=entry.client, patient_id=entry.patient_id)
        with self._counter.numbers(1) as (worker,):
            event = self._built(entry, worker)

            def work() -> bytes:
                with self._reader.begin() as connection:
                    key = self._vault.patient_key(connection, whom, self._clock())
                sealed = seal_event(event, key, key.patient)
                self._insert(sealed)
                return leaf_hash(sealed.written)

            return self._racing(work)

    def append_error(self, entry: ErrorEntry) -> None:
        """Commit a call that was refused or failed."""
        self._append(entry)

    def append_access(self, entry: AccessEntry) -> None:
        """Commit that somebody looks, before anything is shown.

        One who looks for a patient stands among the events of that patient, where anything is kept
        of them, and is forgotten with them.
        """
        whom = None
        if entry.patient_client is not None and entry.patient_id is not None:
            whom = Whom(client=entry.patient_client, patient_id=entry.patient_id)
        self._append(entry, whom=whom)

    def append_administration(self, entry: AdministrationEntry, change: Change = unchanged) -> None:
        """Make a change and say so, both or neither.

        Args:
            entry: what is said.
            change: makes it, in the same transaction behind the event; what it raises is passed
                on, and neither stands.
        """
        self._append(entry, change=change)

    def append_shadow(self, entry: ShadowEntry) -> bool:
        """Commit what another model would have made of a decision.

        Returns:
            False for a patient who was erased since: nothing is kept.
        """
        whom = Whom(client=entry.client, patient_id=entry.patient_id)
        with self._counter.numbers(1) as (worker,):
            event = self._built(entry, worker)

            def work() -> bool:
                with self._reader.begin() as connection:
                    key = self._vault.known_key(connection, whom)
                if key is not None:
                    self._insert(seal_event(event, key, key.patient))
                return key is not None

            is_kept = self._racing(work)
        if not is_kept:
            self._counter.give_back([worker])
        return is_kept

    def append_feedback(self, *entries: FeedbackEntry) -> int:
        """Commit what became of cards in one transaction: all of it, or nothing.

        Each is linked to its decision when that was the client's and the service's.

        Returns:
            How many were new. The same outcome of the same card at the same moment is kept once.
        """
        with self._counter.numbers(len(entries)) as workers:
            events = [self._built(*one) for one in zip(entries, workers, strict=True)]

            def work() -> list[SealedEvent]:
                with self._reader.begin() as connection:
                    new = new_feedback(connection, events, self._pseudonym)
                    sealed = self._sealed_feedback(connection, new)
                if sealed:
                    rows = [feedback_columns(event, self._pseudonym) for event in new]
                    self._insert(*sealed, feedback=rows)
                return sealed

            kept = {sealed.body["event_id"] for sealed in self._racing(work)}
        self._counter.give_back(one["worker"] for one in events if one["event_id"] not in kept)
        return len(kept)

    def ping(self) -> None:
        """Return when events can be written: reachable, writable, tables of this release."""
        with reporting_failures(), self._engine.begin() as connection:
            check_head(connection)
            check_writable(connection)

    def read(self, work: Callable[[Connection], T]) -> T:
        """What is read from the tables beside the log, without a lock that a writer waits for."""
        with reporting_failures(), self._reader.begin() as connection:
            return work(connection)

    def list_events(
        self,
        limit: int = 50,
        before: str | None = None,
        hook: str | None = None,
        outcome: str | None = None,
        patient: Whom | None = None,
    ) -> Sequence[EventSummary]:
        """Return events, newest first.

        Args:
            limit: how many at the most.
            before: the event id of the last one seen; the page goes on behind it.
            hook: only events of this hook.
            outcome: only events of this outcome, one of bodies.OUTCOMES.
            patient: only events of this patient of a client.
        """
        filters = {"before": before, "hook": hook, "outcome": outcome}
        with reporting_failures(), self._shower.begin() as connection:
            return list_events(connection, self._vault, limit, filters, patient)

    def events_of_kind(
        self, kind: str, since: datetime | None = None
    ) -> Iterator[Mapping[str, Any]]:
        """Return bodies of events, oldest first, with what is protected where it opens.

        Args:
            kind: of the events.
            since: only of those that were made from then on.
        """
        after = first_event_id(since) if since else ""
        while True:
            with reporting_failures(), self._shower.begin() as connection:
                page = page_of_kind(connection, self._vault, kind, after)
            yield from page
            if not page:
                return
            after = page[-1]["event_id"]

    def find_event(self, event_id: str, *, is_opened: bool = True) -> StoredEvent:
        """Return one event with its body and with what is linked to it.

        Args:
            event_id: of the event.
            is_opened: False for who may not see what is protected.

        Raises:
            EventUnknown: no event has this id.
        """
        with reporting_failures(), self._shower.begin() as connection:
            return find_event(connection, self._vault, event_id, is_opened=is_opened)

    def overridden(self, whom: Whom, user: str, since: datetime) -> Answers:
        """What cards of a patient were about that were overridden with a reason, not long ago.

        Args:
            whom: the patient.
            user: whose overrides are told from those of others.
            since: when they were reported, at the earliest.
        """
        with reporting_failures(), self._reader.begin() as connection:
            return overrides_of(connection, self._vault, whom, user, since)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()
        self._reader.dispose()
        self._shower.dispose()

    def _append(self, entry: Entry, whom: Whom | None = None, change: Change = unchanged) -> None:
        """Commit an event of no patient, or of one who is known already."""
        with self._counter.numbers(1) as (worker,):
            event = self._built(entry, worker)

            def work() -> None:
                with self._reader.begin() as connection:
                    key = whom and self._vault.known_key(connection, whom)
                    key = key or self._vault.period_key(connection, self._clock())
                # whom nothing is kept of could not be forgotten later
                told = event if key.patient else event | NOBODY
                sealed = seal_event(told, key, key.patient)
                with self._engine.begin() as connection:
                    insert_events(connection, [sealed])
                    change(connection)

            self._racing(work)

    def _built(self, entry: Entry, worker: Mapping[str, Any]) -> dict[str, Any]:
        return build_event(entry, self._clock()) | {"worker": worker}

    def _pseudonym(self, text: str) -> str:
        return self._vault.pseudonym("report", text)

    def _sealed_feedback(
        self, connection: Connection, new: Sequence[dict[str, Any]]
    ) -> list[SealedEvent]:
        """Under the key of the card's patient; of one who was erased nothing protected is kept."""
        pids = {event["patient"] for event in new if event["patient"]}
        keys = self._vault.keys_of(connection, pids)
        period = None
        if not all(event["patient"] for event in new):
            period = self._vault.period_key(connection, self._clock())
        return [
            seal_event(event, keys.get(pid) if pid else period, pid)
            for event in new
            for pid in (event["patient"],)
        ]

    def _insert(self, *events: SealedEvent, feedback: Sequence[dict[str, Any]] = ()) -> None:
        with self._appender.begin() as connection:
            insert_events(connection, events, feedback)

    def _racing(self, work: Callable[[], T]) -> T:
        """Do it again when another process made the same key or report, or erased a patient."""
        with reporting_failures():
            for _ in range(RACES):
                try:
                    return work()
                except IntegrityError as error:
                    lost = error
            raise lost
