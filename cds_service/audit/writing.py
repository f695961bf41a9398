"""Events on their way into the database: sealed beforehand, inserted in one transaction."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from cds_service.audit.bodies import SealedEvent, card_columns, event_columns
from cds_service.audit.inserting import insert_rows
from cds_service.audit.models import (
    CardRow,
    EventRow,
    FeedbackRow,
    PatientRow,
    PayloadRow,
    PeriodRow,
    table_of,
)

_PATIENT, _PERIOD, _EVENT = map(table_of, (PatientRow, PeriodRow, EventRow))
_PAYLOAD, _CARD, _FEEDBACK = map(table_of, (PayloadRow, CardRow, FeedbackRow))


def insert_events(
    connection: Connection,
    events: Sequence[SealedEvent],
    feedback: Iterable[Mapping[str, Any]] = (),
) -> None:
    """Insert events with their payloads, new keys, cards and feedback.

    Args:
        connection: in a transaction; on PostgreSQL without one it is one of its own.
        events: sealed; a key that was erased or made by another since is an IntegrityError.
        feedback: rows of that table.
    """
    keys = {one.key.patient or one.key.period: one.key for one in events if one.key}.values()
    insert_rows(
        connection,
        {
            _PATIENT: [key.row for key in keys if key.row and key.patient],
            _PERIOD: [key.row for key in keys if key.row and key.period],
            _EVENT: [event_columns(one.body, one.written) for one in events],
            _PAYLOAD: [_payload_columns(one) for one in events if one.ciphertext],
            _CARD: [row for one in events for row in card_columns(one.body)],
            _FEEDBACK: list(feedback),
        },
    )


def _payload_columns(event: SealedEvent) -> dict[str, Any]:
    key = event.key
    return {
        "event_id": event.body["event_id"],
        "patient": key and key.patient,
        "period": key and key.period,
        "ciphertext": event.ciphertext,
    }
