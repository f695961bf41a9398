"""How feedback gets into the audit log: to whose card it belongs, and each report once.

Nobody speaks for another: feedback is linked to a decision only when the client and the service are
those that the card was sent to. What is not linked is kept with the reason, and counts for nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from cds_service.audit.bodies import COLUMN_CHARACTERS
from cds_service.audit.models import CardRow, EventRow, FeedbackRow
from cds_service.audit.typed import read_body

Event = Mapping[str, Any]
Pseudonym = Callable[[str], str]
Key = tuple[str, str, str]  # card, outcome, moment: what makes two reports the same


def new_feedback(
    connection: Connection, events: Sequence[Event], pseudonym: Pseudonym
) -> list[dict[str, Any]]:
    """What is new of these, each linked and with the pid of its decision's patient.

    Args:
        connection: to read by.
        events: of the entries, as built.
        pseudonym: of a report that is not linked.
    """
    decisions = _decisions(connection, {event["card"] for event in events})
    linked = [link_feedback(event, decisions.get(event["card"])) for event in events]
    reports = {_key(feedback_columns(event, pseudonym)): event for event in reversed(linked)}
    told = _told(connection, {card for card, _, _ in reports})
    return [event for key, event in reversed(reports.items()) if key not in told]


def link_feedback(event: Event, decision: Event | None) -> dict[str, Any]:
    """The feedback with the decision that it is about, or the reason why it is about none.

    Of its suggestions those count that the card offered; the others are told apart.

    Args:
        event: the feedback, as built.
        decision: the body of the decision that the card was sent with; None for no card of ours.
    """
    reason = _not_linked(event, decision)
    is_ours = decision is not None and reason is None
    offered = decision["offered"].get(event["card"], ()) if decision and is_ours else ()
    told = event["accepted_suggestions"]
    return {
        **event,
        "patient": decision["patient"] if decision and is_ours else None,
        "decision_event_id": decision["event_id"] if decision and is_ours else None,
        "not_linked": reason,
        "accepted_suggestions": [one for one in told if one in offered],
        "unknown_suggestions": [one for one in told if one not in offered],
    }


def feedback_columns(event: Event, pseudonym: Pseudonym) -> dict[str, Any]:
    """The row of table `feedback`, of a feedback with its link.

    A report that is not linked has a key of its own client and service in place of the card: it
    must not stand in the way of one of the client that the card was sent to, and may be any text.
    """
    card = pseudonym(_whose(event)) if event["not_linked"] else event["card"]
    return {
        "event_id": event["event_id"],
        "card_uuid": card[:COLUMN_CHARACTERS],
        "outcome": event["outcome"],
        "outcome_timestamp": event["outcome_timestamp"],
        "decision_event_id": event["decision_event_id"],
    }


def _decisions(connection: Connection, cards: set[str]) -> dict[str, Event]:
    """The body of the decision that each of the cards was sent with, where there is one."""
    query = select(CardRow.card_uuid, CardRow.event_id).where(CardRow.card_uuid.in_(cards))
    event_of = {row.card_uuid: row.event_id for row in connection.execute(query)}
    events = select(EventRow.event_id, EventRow.body)
    found = connection.execute(events.where(EventRow.event_id.in_(set(event_of.values()))))
    bodies = {row.event_id: read_body(row.event_id, row.body) for row in found}
    return {card: bodies[event_id] for card, event_id in event_of.items()}


def _told(connection: Connection, cards: set[str]) -> set[Key]:
    rows = select(FeedbackRow.card_uuid, FeedbackRow.outcome, FeedbackRow.outcome_timestamp)
    found = connection.execute(rows.where(FeedbackRow.card_uuid.in_(cards)))
    return {(row.card_uuid, row.outcome, row.outcome_timestamp) for row in found}


def _key(columns: Mapping[str, Any]) -> Key:
    return str(columns["card_uuid"]), str(columns["outcome"]), str(columns["outcome_timestamp"])


def _not_linked(event: Event, decision: Event | None) -> str | None:
    if decision is None:
        return "unknown card"
    if decision["client"] != event["client"]:
        return "card of another client"
    return "card of another service" if decision["service_id"] != event["service_id"] else None


def _whose(event: Event) -> str:
    return "\n".join((event["client"], event["service_id"], event["card"]))
