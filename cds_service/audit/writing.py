"""Events on their way into the database: sealed beforehand, inserted in one transaction."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, insert

from cds_service.audit.bodies import SealedEvent, card_columns, event_columns
from cds_service.audit.models import (
    CardRow,
    EventRow,
    FeedbackRow,
    PatientRow,
    PayloadRow,
    PeriodRow,
)

# made once: to build a statement takes longer than to run it, and every call does
_EVENT, _PAYLOAD, _CARD, _FEEDBACK = map(insert, (EventRow, PayloadRow, CardRow, FeedbackRow))
_PATIENT, _PERIOD = insert(PatientRow), insert(PeriodRow)


def insert_events(
    connection: Connection,
    events: Sequence[SealedEvent],
    feedback: Iterable[Mapping[str, Any]] = (),
) -> None:
    """Insert events with their payloads, new keys, cards and feedback.

    Args:
        connection: in a transaction.
        events: sealed; a key that was erased or made by another since is an IntegrityError.
        feedback: rows of that table.
    """
    keys = {one.key.patient or one.key.period: one.key for one in events if one.key}.values()
    _insert(connection, _PATIENT, (key.row for key in keys if key.row and key.patient))
    _insert(connection, _PERIOD, (key.row for key in keys if key.row and key.period))
    _insert(connection, _EVENT, (event_columns(one.body, one.written) for one in events))
    _insert(connection, _PAYLOAD, (_payload_columns(one) for one in events if one.ciphertext))
    _insert(connection, _CARD, (row for one in events for row in card_columns(one.body)))
    _insert(connection, _FEEDBACK, feedback)


def _insert(connection: Connection, statement: Any, rows: Iterable[Mapping[str, Any]]) -> None:
    if found := list(rows):
        connection.execute(statement, found)


def _payload_columns(event: SealedEvent) -> dict[str, Any]:
    key = event.key
    return {
        "event_id": event.body["event_id"],
        "patient": key and key.patient,
        "period": key and key.period,
        "ciphertext": event.ciphertext,
    }
