"""How feedback gets into the audit log: to whose card it belongs, and each report once.

Nobody speaks for another: feedback is linked to a decision only when the client and the service are
those that the card was sent to. What is not linked is kept with the reason, and counts for nothing.
"""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, insert, select

from cds_service.audit.bodies import COLUMN_CHARACTERS, event_columns
from cds_service.audit.models import CardRow, EventRow, FeedbackRow

Body = Mapping[str, Any]
Key = tuple[str, str, str]  # card, outcome, moment: what makes two reports the same


def insert_feedback(connection: Connection, bodies: Sequence[Body]) -> int:
    """Add what is new of these, each linked, and say how much that was.

    Args:
        connection: in a transaction.
        bodies: of the entries, as built.
    """
    decisions = _decisions(connection, {body["card"] for body in bodies})
    linked = [link_feedback(body, decisions.get(body["card"])) for body in bodies]
    reports = {_key(feedback_columns(body)): body for body in reversed(linked)}
    told = _told(connection, {card for card, _, _ in reports})
    new = [body for key, body in reversed(reports.items()) if key not in told]
    if new:
        connection.execute(insert(EventRow), [event_columns(body) for body in new])
        connection.execute(insert(FeedbackRow), [feedback_columns(body) for body in new])
    return len(new)


def link_feedback(body: Body, decision: Body | None) -> dict[str, Any]:
    """The body with the decision that it is about, or the reason why it is about none.

    Of its suggestions those count that the card offered; the others are told apart.

    Args:
        body: of the feedback, as built.
        decision: the body of the decision that the card was sent with; None for no card of ours.
    """
    reason = _not_linked(body, decision)
    is_ours = decision is not None and reason is None
    offered = _offered(body["card"], decision) if decision and is_ours else set()
    told = body["accepted_suggestions"]
    return {
        **body,
        "decision_event_id": decision["event_id"] if decision and is_ours else None,
        "not_linked": reason,
        "accepted_suggestions": [one for one in told if one in offered],
        "unknown_suggestions": [one for one in told if one not in offered],
    }


def feedback_columns(body: Body) -> dict[str, str | None]:
    """The row of table `feedback`, of a body with its link.

    A report that is not linked has a key of its own client and service in place of the card: it
    must not stand in the way of one of the client that the card was sent to.
    """
    return {
        "event_id": body["event_id"],
        "card_uuid": _own_key(body) if body["not_linked"] else body["card"][:COLUMN_CHARACTERS],
        "outcome": body["outcome"],
        "outcome_timestamp": body["outcome_timestamp"],
        "decision_event_id": body["decision_event_id"],
    }


def _decisions(connection: Connection, cards: set[str]) -> dict[str, Body]:
    """The body of the decision that each of the cards was sent with, where there is one."""
    query = select(CardRow.card_uuid, CardRow.event_id).where(CardRow.card_uuid.in_(cards))
    event_of = {row.card_uuid: row.event_id for row in connection.execute(query)}
    events = select(EventRow.event_id, EventRow.body)
    found = connection.execute(events.where(EventRow.event_id.in_(set(event_of.values()))))
    bodies = {row.event_id: json.loads(row.body) for row in found}
    return {card: bodies[event_id] for card, event_id in event_of.items()}


def _told(connection: Connection, cards: set[str]) -> set[Key]:
    rows = select(FeedbackRow.card_uuid, FeedbackRow.outcome, FeedbackRow.outcome_timestamp)
    found = connection.execute(rows.where(FeedbackRow.card_uuid.in_(cards)))
    return {(row.card_uuid, row.outcome, row.outcome_timestamp) for row in found}


def _key(columns: Mapping[str, str | None]) -> Key:
    return str(columns["card_uuid"]), str(columns["outcome"]), str(columns["outcome_timestamp"])


def _not_linked(body: Body, decision: Body | None) -> str | None:
    if decision is None:
        return "unknown card"
    if decision["client"] != body["client"]:
        return "card of another client"
    return "card of another service" if decision["service_id"] != body["service_id"] else None


def _offered(card_uuid: str, decision: Body) -> set[str]:
    cards = (card for card in decision["cards"] if card.get("uuid") == card_uuid)
    return {one["uuid"] for card in cards for one in card.get("suggestions", ())}


def _own_key(body: Body) -> str:
    whose = "\n".join((body["client"], body["service_id"], body["card"]))
    return f"not-linked-{sha256(whose.encode()).hexdigest()}"
