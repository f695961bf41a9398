"""The audit log: entries go in, each in one transaction; events come out, newest first.

Nothing here updates or deletes a row, and the database refuses it as well.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased

from cds_service.audit.bodies import (
    COLUMN_CHARACTERS,
    build_body,
    card_columns,
    event_columns,
)
from cds_service.audit.canonical import rfc3339
from cds_service.audit.database import DEFAULT_TIMEOUT_S, open_engine, reporting_failures
from cds_service.audit.entries import DecisionEntry, Entry, ErrorEntry, FeedbackEntry
from cds_service.audit.feedback import insert_feedback
from cds_service.audit.migrate import check_head, check_writable
from cds_service.audit.models import CardRow, EventRow, FeedbackRow

MOST_OVERRIDES = 100
RACES = 3  # of processes that are told the same at once: all but one lose, and look again


class EventUnknown(LookupError):  # noqa: N818 - a situation, named as such
    """No event of the log has this id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSummary:
    """One line of the list of events."""

    event_id: str
    kind: str
    recorded_at: str  # RFC 3339 in UTC
    service_id: str | None
    hook: str | None
    hook_instance: str | None
    client: str
    user_ref: str | None
    patient_id: str | None
    outcome: str
    card_count: int
    status: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent:
    """One event with all that is stored of it."""

    summary: EventSummary
    body: Mapping[str, Any]
    decision_event_id: str | None = None  # of a feedback whose card is known
    feedback_event_ids: tuple[str, ...] = ()  # of a decision, in the order of arrival


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
        *,
        clock: Callable[[], datetime] = _now,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> None:
        self._engine = open_engine(database_url, timeout_s=timeout_s)
        self._reader = open_engine(database_url, timeout_s=timeout_s, read_only=True)
        self._clock = clock

    def append_decision(self, entry: DecisionEntry) -> None:
        """Commit a decision with the cards as sent. Until this returns, no card may leave."""
        body = build_body(entry, self._clock())
        with reporting_failures(), self._engine.begin() as connection:
            connection.execute(_INSERT_EVENT, event_columns(body))
            if cards := card_columns(body):
                connection.execute(_INSERT_CARD, cards)

    def append_error(self, entry: ErrorEntry) -> None:
        """Commit a call that was refused or failed."""
        self._append_event(entry)

    def append_feedback(self, *entries: FeedbackEntry) -> int:
        """Commit what became of cards in one transaction: all of it, or nothing.

        Each is linked to its decision when that was the client's and the service's.

        Returns:
            How many were new. The same outcome of the same card at the same moment is kept once.
        """
        bodies = [build_body(entry, self._clock()) for entry in entries]
        with reporting_failures():
            for _ in range(RACES):
                try:
                    with self._engine.begin() as connection:
                        return insert_feedback(connection, bodies)
                except IntegrityError as error:
                    lost = error  # another process was told the same, and committed first
            raise lost

    def ping(self) -> None:
        """Return when events can be written: reachable, writable, tables of this release."""
        with reporting_failures(), self._engine.begin() as connection:
            check_head(connection)
            check_writable(connection)

    def list_events(
        self,
        limit: int = 50,
        before: str | None = None,
        hook: str | None = None,
        outcome: str | None = None,
    ) -> Sequence[EventSummary]:
        """Return events, newest first.

        Args:
            limit: how many at the most.
            before: the event id of the last one seen; the page goes on behind it.
            hook: only events of this hook.
            outcome: only events of this outcome, one of bodies.OUTCOMES.
        """
        query = _summaries().order_by(EventRow.event_id.desc()).limit(limit)
        if before is not None:
            query = query.where(EventRow.event_id < before)
        if hook is not None:
            query = query.where(EventRow.hook == hook)
        if outcome is not None:
            query = query.where(EventRow.outcome == outcome)
        with reporting_failures(), self._reader.begin() as connection:
            return [_summary(row) for row in connection.execute(query)]

    def find_event(self, event_id: str) -> StoredEvent:
        """Return one event with its body and with what is linked to it.

        Raises:
            EventUnknown: no event has this id.
        """
        query = _summaries().add_columns(EventRow.body).where(EventRow.event_id == event_id)
        with reporting_failures(), self._reader.begin() as connection:
            row = connection.execute(query).one_or_none()
            if row is None:
                raise EventUnknown(
                    f"no event has the id {event_id!r}: take one from `lamo-cds audit list`"
                )
            return StoredEvent(
                summary=_summary(row), body=json.loads(row.body), **_links(connection, event_id)
            )

    def overridden(
        self, patient_id: str, client: str, since: datetime
    ) -> frozenset[tuple[str, str, str]]:
        """What cards of a client's patient were about that it overrode with a reason, not long ago.

        The same id at another client is another patient.

        Returns:
            (rule, RxNorm code, basis) of each; at most of MOST_OVERRIDES cards, the latest.
        """
        asked = {
            "patient_id": patient_id[:COLUMN_CHARACTERS],
            "client": client[:COLUMN_CHARACTERS],
            "since": rfc3339(since),
        }
        with reporting_failures(), self._reader.begin() as connection:
            rows = connection.execute(_OVERRIDDEN, asked).all()
        return frozenset(pair for row in rows for pair in _answered(*row))

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()
        self._reader.dispose()

    def _append_event(self, entry: Entry) -> None:
        body = build_body(entry, self._clock())
        with reporting_failures(), self._engine.begin() as connection:
            connection.execute(_INSERT_EVENT, event_columns(body))


def _overridden() -> Select[str, bytes, bytes]:
    decision, feedback = aliased(EventRow), aliased(EventRow)
    return (
        select(FeedbackRow.card_uuid, decision.body, feedback.body)
        .join(decision, decision.event_id == FeedbackRow.decision_event_id)
        .join(feedback, feedback.event_id == FeedbackRow.event_id)
        .where(decision.patient_id == bindparam("patient_id"))
        .where(decision.client == bindparam("client"))
        .where(feedback.client == decision.client)
        .where(FeedbackRow.outcome == "overridden")
        .where(feedback.recorded_at >= bindparam("since"))
        .order_by(feedback.recorded_at.desc())
        .limit(MOST_OVERRIDES)
    )


# made once: to build a statement takes longer than to run it, and every call does
_OVERRIDDEN, _INSERT_EVENT, _INSERT_CARD = _overridden(), insert(EventRow), insert(CardRow)


def _answered(card: str, decision: bytes, feedback: bytes) -> Iterator[tuple[str, str, str]]:
    """What an override with a reason answers: one without a reason answers nothing."""
    told = json.loads(feedback)
    if told.get("override_reason") or told.get("user_comment"):
        for row in json.loads(decision).get("about", ()):
            if row["card"] == card:
                yield row["rule"], row["rxcui"], row.get("basis", "")


def _summaries() -> Select[Any]:
    return select(*(getattr(EventRow, name) for name in EventSummary.__slots__))


def _summary(row: Row[Any]) -> EventSummary:
    return EventSummary(**{name: getattr(row, name) for name in EventSummary.__slots__})


def _links(connection: Connection, event_id: str) -> dict[str, Any]:
    decision = select(FeedbackRow.decision_event_id).where(FeedbackRow.event_id == event_id)
    feedback = select(FeedbackRow.event_id).where(FeedbackRow.decision_event_id == event_id)
    return {
        "decision_event_id": connection.execute(decision).scalar_one_or_none(),
        "feedback_event_ids": tuple(
            connection.execute(feedback.order_by(FeedbackRow.event_id)).scalars()
        ),
    }
