"""What is handed to an auditor: a bundle that verifies itself, and the proof of one event.

A bundle is JSON Lines; standalone.py verifies it without anything else of this package.

    {"type": "bundle", "version": 1, "contents", "origin", "first_key", "tree_size"}
    {"type": "head", "number", "note"}                every head up to the one of tree_size
    {"type": "event", "leaf_index", "body", "proof"}  body: the bytes as text; proof: of a part
    {"type": "end", "heads", "events"}                how many lines of each there are

Its contents are "whole" or "part".
"""

import json
from base64 import b64encode
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, select

from cds_service.audit.checkpoint import parse_head
from cds_service.audit.database import AuditFailure
from cds_service.audit.log import EventUnknown
from cds_service.audit.merkle import inclusion_proof
from cds_service.audit.models import EventRow, HeadRow, LeafRow
from cds_service.audit.tree import StoredTree
from cds_service.audit.verify import READ_AT_ONCE

VERSION = 1


def bundle_lines(
    connection: Connection, first_key: str, event_ids: Sequence[str] = ()
) -> Iterator[str]:
    """The lines of a bundle of the whole log, or of these events with a proof for each.

    Raises:
        AuditFailure: nothing is signed yet.
        EventUnknown: an event is not there, or no head has it yet.
    """
    heads = connection.execute(select(HeadRow).order_by(HeadRow.number)).all()
    if not heads:
        raise AuditFailure("no head is signed yet: run `lamo-cds audit sequence --once`")
    size = heads[-1].tree_size
    first = {"type": "bundle", "version": VERSION, "contents": "part" if event_ids else "whole"}
    origin = parse_head(heads[-1].note).checkpoint.origin
    yield json.dumps(first | {"origin": origin, "first_key": first_key, "tree_size": size})
    for head in heads:
        yield json.dumps({"type": "head", "number": head.number, "note": head.note})
    events = _part(connection, event_ids, size) if event_ids else _whole(connection, size)
    count = 0
    for event in events:
        count += 1
        yield json.dumps({"type": "event", **event})
    yield json.dumps({"type": "end", "heads": len(heads), "events": count})


def prove(connection: Connection, event_id: str) -> dict[str, Any]:
    """The proof that an event stands under the newest head.

    Raises:
        AuditFailure: nothing is signed yet.
        EventUnknown: the event is not there, or no head has it yet.
    """
    head = connection.execute(select(HeadRow).order_by(HeadRow.number.desc()).limit(1)).first()
    if head is None:
        raise AuditFailure("no head is signed yet: run `lamo-cds audit sequence --once`")
    (event,) = _part(connection, [event_id], head.tree_size)
    del event["body"]
    return {"event_id": event_id, **event, "tree_size": head.tree_size, "head": head.note}


def _whole(connection: Connection, size: int) -> Iterator[dict[str, Any]]:
    query = (
        select(LeafRow.leaf_index, EventRow.body)
        .join(EventRow, EventRow.event_id == LeafRow.event_id)
        .where(LeafRow.leaf_index < size)
        .order_by(LeafRow.leaf_index)
    )
    for row in connection.execute(query, execution_options={"yield_per": READ_AT_ONCE}):
        yield {"leaf_index": row.leaf_index, "body": _text(row.body)}


def _part(connection: Connection, event_ids: Sequence[str], size: int) -> Iterator[dict[str, Any]]:
    tree = StoredTree(connection)
    for event_id in event_ids:
        query = (
            select(LeafRow.leaf_index, LeafRow.leaf_hash, EventRow.body)
            .join(EventRow, EventRow.event_id == LeafRow.event_id)
            .where(LeafRow.event_id == event_id, LeafRow.leaf_index < size)
        )
        row = connection.execute(query).one_or_none()
        if row is None:
            raise EventUnknown(
                f"no head has an event {event_id!r} yet: wait for the next one, or take an id "
                "from `lamo-cds audit list`"
            )
        proof = inclusion_proof(row.leaf_index, size, tree.node)
        yield {
            "leaf_index": row.leaf_index,
            "leaf_hash": row.leaf_hash.hex(),
            "body": _text(row.body),
            "proof": [b64encode(step).decode("ascii") for step in proof],
        }


def _text(body: bytes) -> str:
    return body.decode("utf-8", "surrogateescape")  # nothing is lost of bytes that are no text
