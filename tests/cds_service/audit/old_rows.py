"""Events as releases before revision 0005 stored them: the body holds everything, in the clear."""

import json
from typing import Any

from sqlalchemy import text

from cds_service.audit.canonical import canonical_bytes, to_plain
from cds_service.audit.database import open_engine
from cds_service.audit.entries import DecisionEntry, ErrorEntry, FeedbackEntry

Entry = DecisionEntry | ErrorEntry | FeedbackEntry
COLUMNS = ("event_id", "kind", "recorded_at", "client", "patient_id", "outcome")


def old_body(entry: Entry, **added: Any) -> dict[str, Any]:
    """A body of schema 1."""
    escaped: list[str] = []
    body: dict[str, Any] = to_plain(entry, escaped)
    kind = type(entry).__name__.removesuffix("Entry").lower()
    if isinstance(entry, DecisionEntry):
        body |= {"scores": entry.scores.as_rows(), "outcome": "ok"}
    if isinstance(entry, ErrorEntry):
        body["outcome"] = "refused"
    beside = {"recorded_at": body["received_at"], "schema_version": 1, "escaped": escaped}
    return {"kind": kind, "status": 200} | body | beside | added


def store_old(database_url: str, *bodies: dict[str, Any]) -> None:
    """Insert them, with the rows of their cards and feedback."""
    engine = open_engine(database_url)
    with engine.begin() as connection:
        for body in bodies:
            columns = {name: body.get(name) for name in COLUMNS}
            columns |= {"card_count": len(body.get("cards", ())), "status": body["status"]}
            columns["body"] = canonical_bytes(body)
            _insert(connection, "event", columns)
            for card in body.get("cards", ()):
                _insert(
                    connection, "card", {"card_uuid": card["uuid"], "event_id": body["event_id"]}
                )
            if body["kind"] == "feedback":
                names = ("event_id", "outcome", "outcome_timestamp", "decision_event_id")
                row = {name: body[name] for name in names}
                card = f"not-linked-{body['card']}" if body["not_linked"] else body["card"]
                _insert(connection, "feedback", row | {"card_uuid": card})
    engine.dispose()


def stored_bodies(database_url: str) -> list[dict[str, Any]]:
    """All bodies, in the order of their ids."""
    engine = open_engine(database_url)
    with engine.begin() as connection:
        found = connection.execute(text("SELECT body FROM event ORDER BY event_id")).scalars().all()
    engine.dispose()
    return [json.loads(body) for body in found]


def _insert(connection: Any, table: str, row: dict[str, Any]) -> None:
    names, values = ", ".join(row), ", ".join(f":{name}" for name in row)
    connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({values})"), row)  # noqa: S608
