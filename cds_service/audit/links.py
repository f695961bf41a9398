"""Whether the tables `card` and `feedback` say what the bytes of events say.

Both are how feedback finds its decision; they are worked out from bodies and can be compared with
them at any time. Of a report that was not linked the card is encrypted, and its column is an HMAC:
that it is one is all that can be seen without keys.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from cds_service.audit.bodies import COLUMN_CHARACTERS, card_columns
from cds_service.audit.findings import Findings
from cds_service.audit.models import CardRow, EventRow, FeedbackRow

PSEUDONYM = re.compile(r"[0-9a-f]{64}")
COLUMNS = ("card_uuid", "outcome", "outcome_timestamp", "decision_event_id")
HIDDEN = object()  # the card of a report that was not linked


class Links:
    """Compares the rows of events, some at a time."""

    def __init__(self, connection: Connection, findings: Findings) -> None:
        """Take where the rows are, and where to tell what does not fit."""
        self._connection, self._found = connection, findings
        self._cards: dict[str, frozenset[str]] = {}  # by event: what its bytes say
        self._feedback: dict[str, dict[str, Any] | None] = {}

    def see(self, event_id: str, body: Mapping[str, Any]) -> None:
        """Take what the bytes of one event say; no more of a body is kept than that."""
        self._cards[event_id] = frozenset(row["card_uuid"] for row in card_columns(body))
        self._feedback[event_id] = _wanted(body) if body["kind"] == "feedback" else None

    def compare(self) -> None:
        """Compare the rows of the events that were seen since the last time."""
        if self._cards:
            self._compare_cards()
            self._compare_feedback()
        self._cards, self._feedback = {}, {}

    def _compare_cards(self) -> None:
        query = select(CardRow.event_id, CardRow.card_uuid)
        rows = self._connection.execute(query.where(CardRow.event_id.in_(self._cards)))
        stored = _by_event(rows)
        for event_id, wanted in self._cards.items():
            found = {uuid for (uuid,) in stored.get(event_id, ())}
            if missing := wanted - found:
                self._add(event_id, f"{len(missing)} of its cards are not in the table card")
            if added := found - wanted:
                self._add(event_id, f"the table card has {len(added)} cards that it did not give")

    def _compare_feedback(self) -> None:
        columns = [getattr(FeedbackRow, name) for name in COLUMNS]
        query = select(FeedbackRow.event_id, *columns)
        rows = self._connection.execute(query.where(FeedbackRow.event_id.in_(self._feedback)))
        stored = _by_event(rows)
        for event_id, wanted in self._feedback.items():
            found = stored.get(event_id)
            if wanted is None and found:
                self._add(event_id, "is no feedback, and has a row in the table feedback")
            elif wanted is not None and not found:
                self._add(event_id, "its row in the table feedback is missing")
            elif wanted is not None and found:
                self._compare_row(event_id, wanted, found[0])

    def _compare_row(self, event_id: str, wanted: Mapping[str, Any], row: Sequence[Any]) -> None:
        for name, value in zip(COLUMNS, row, strict=True):
            is_hidden = wanted[name] is HIDDEN
            fits = PSEUDONYM.fullmatch(str(value)) if is_hidden else value == wanted[name]
            if not fits:
                self._add(event_id, f"{name} in the table feedback is not what its bytes say")

    def _add(self, event_id: str, told: str) -> None:
        self._found.add("links", f"event {event_id}: {told}")


def tell_rows_of_no_event(connection: Connection, findings: Findings) -> None:
    """Tell rows of events that there are not."""
    for model in (CardRow, FeedbackRow):
        joined = select(model.event_id).outerjoin(EventRow, EventRow.event_id == model.event_id)
        for row in connection.execute(joined.where(EventRow.event_id.is_(None))):
            told = f"event {row.event_id}: a row of {model.__tablename__} is of no event"
            findings.add("links", told)


def _wanted(body: Mapping[str, Any]) -> dict[str, Any]:
    card = HIDDEN if body.get("not_linked") else str(body.get("card"))[:COLUMN_CHARACTERS]
    return {name: body.get(name) for name in COLUMNS} | {"card_uuid": card}


def _by_event(rows: Iterable[Any]) -> dict[str, list[Sequence[Any]]]:
    found: dict[str, list[Sequence[Any]]] = {}
    for event_id, *values in rows:
        found.setdefault(event_id, []).append(values)
    return found
