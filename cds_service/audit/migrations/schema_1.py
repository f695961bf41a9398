"""Bodies of schema 1, which held everything, parted into body and payload; and back.

Used by revision 0005 alone, on its connection.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from cds_service.audit.bodies import COLUMN_CHARACTERS, PROTECTED, SealedEvent, seal_event
from cds_service.audit.canonical import canonical_bytes
from cds_service.audit.entries import Table
from cds_service.audit.feedback import feedback_columns
from cds_service.audit.payloads import open_payload
from cds_service.audit.reading import merged
from cds_service.audit.vault import DataKey, Vault, Whom

AT_ONCE = 500  # events, with their bodies in memory
DERIVED = (
    "card_count",
    "offered",
    "gap_counts",
    "note_counts",
    "has_reason",
    "patient",
    "payload_sha256",
    "worker",
)
EMPTY: Mapping[str, Any] = {
    name: [] for name in ("notes", "scores", "cards", "about", "gaps", "findings", "explained")
}

EVENT = sa.table("event", *map(sa.column, ("event_id", "kind", "body", "patient", "patient_id")))
FEEDBACK = sa.table("feedback", *map(sa.column, ("event_id", "card_uuid", "decision_event_id")))
KEY = ("pid", "lookup", "period", "key_id", "wrapped_key", "created_at")
PATIENT, PERIOD = (sa.table(name, *map(sa.column, KEY)) for name in ("patient", "period"))
PAYLOAD = sa.table("payload", *map(sa.column, ("event_id", "patient", "period", "ciphertext")))


def part_all(connection: Connection, vault: Vault) -> None:
    """Part every event: decisions first, since feedback is under the key of its decision."""
    for of_kind in (EVENT.c.kind == "decision", EVENT.c.kind != "decision"):
        for event_id, body in _bodies(connection, of_kind):
            event = _event(connection, event_id, body)
            _store(connection, _sealed(connection, vault, event))
            if event["kind"] == "feedback":
                row = feedback_columns(event, lambda text: vault.pseudonym("report", text))
                _rename_card(connection, event_id, row["card_uuid"])


def join_all(connection: Connection, vault: Vault) -> None:
    """Put every event together again as far as it opens."""
    for event_id, body in _bodies(connection, sa.true()):
        private = _private(connection, vault, event_id)
        missing = {name: EMPTY.get(name) for name in PROTECTED.get(body["kind"], ())}
        kept = {name: value for name, value in body.items() if name not in {*DERIVED, "about"}}
        joined = missing | merged(kept, private) | {"schema_version": 1}
        patient_id = private.get("patient_id")
        values = {
            "body": canonical_bytes(joined),
            "patient_id": patient_id and patient_id[:COLUMN_CHARACTERS],
        }
        connection.execute(sa.update(EVENT).where(EVENT.c.event_id == event_id).values(values))
        if body["kind"] == "feedback" and body["not_linked"]:
            told = "\n".join(str(joined.get(name)) for name in ("client", "service_id", "card"))
            _rename_card(connection, event_id, f"not-linked-{sha256(told.encode()).hexdigest()}")


def _bodies(connection: Connection, which: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    ids = sa.select(EVENT.c.event_id).where(which).order_by(EVENT.c.event_id)
    found = connection.execute(ids).scalars().all()
    for start in range(0, len(found), AT_ONCE):
        some = found[start : start + AT_ONCE]
        query = sa.select(EVENT.c.event_id, EVENT.c.body).where(EVENT.c.event_id.in_(some))
        for event_id, body in connection.execute(query.order_by(EVENT.c.event_id)).all():
            yield event_id, json.loads(body)


def _event(connection: Connection, event_id: str, body: dict[str, Any]) -> dict[str, Any]:
    """The event as it is built today; the first releases left some members out."""
    event = {name: value for name, value in body.items() if name != "schema_version"}
    if event["kind"] == "decision":
        event = dict(EMPTY) | event
        return event | {"scores": Table.of(event["scores"])}
    if event["kind"] == "feedback":
        link = sa.select(FEEDBACK.c.decision_event_id).where(FEEDBACK.c.event_id == event_id)
        linked = connection.execute(link).scalar_one_or_none()
        reason = event.get("not_linked") or (None if linked else "unknown card")
        return (
            {"unknown_suggestions": []}
            | event
            | {
                "decision_event_id": linked,
                "not_linked": reason,
            }
        )
    return event


def _sealed(connection: Connection, vault: Vault, event: Mapping[str, Any]) -> SealedEvent:
    moment = datetime.fromisoformat(event["recorded_at"])
    if event["kind"] == "decision":
        whom = Whom(client=event["client"], patient_id=event["patient_id"])
        key = vault.patient_key(connection, whom, moment)
    elif event.get("decision_event_id"):
        decision = EVENT.c.event_id == event["decision_event_id"]
        pid = connection.execute(sa.select(EVENT.c.patient).where(decision)).scalar_one()
        key = vault.keys_of(connection, [pid])[pid]
    else:
        key = vault.period_key(connection, moment)
    return seal_event(event, key, key.patient)


def _store(connection: Connection, sealed: SealedEvent) -> None:
    key, event_id = sealed.key, sealed.body["event_id"]
    if key is not None and key.row is not None:
        connection.execute(sa.insert(PATIENT if key.patient else PERIOD).values(**key.row))
    values = {"body": sealed.written, "patient": sealed.body["patient"]}
    connection.execute(sa.update(EVENT).where(EVENT.c.event_id == event_id).values(values))
    payload = {
        "event_id": event_id,
        "patient": key and key.patient,
        "period": key and key.period,
        "ciphertext": sealed.ciphertext,
    }
    connection.execute(sa.insert(PAYLOAD).values(payload))


def _rename_card(connection: Connection, event_id: str, card_uuid: str) -> None:
    of_event = FEEDBACK.c.event_id == event_id
    connection.execute(sa.update(FEEDBACK).where(of_event).values(card_uuid=card_uuid))


def _private(connection: Connection, vault: Vault, event_id: str) -> dict[str, Any]:
    """What is protected of an event; nothing where it is gone."""
    query = sa.select(PAYLOAD).where(PAYLOAD.c.event_id == event_id)
    payload = connection.execute(query).one_or_none()
    if payload is None:
        return {}
    key = _key(connection, vault, payload.patient, payload.period)
    return open_payload(payload.ciphertext, event_id, key.key)


def _key(connection: Connection, vault: Vault, pid: str | None, period: str | None) -> DataKey:
    if pid is not None:
        return vault.keys_of(connection, [pid])[pid]
    columns = (PERIOD.c.period, PERIOD.c.key_id, PERIOD.c.wrapped_key)
    query = sa.select(*columns).where(PERIOD.c.period == period)
    return vault.of_period(*connection.execute(query).one())
