"""Checking one event now: its bytes, its place under the newest signed head, its payload."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from time import time
from typing import Any, Literal

from sqlalchemy import Connection, Row, select

from cds_service.audit.bodies import search_columns
from cds_service.audit.checkpoint import NoteRefused, PublicKey, SignedHead, parse_head
from cds_service.audit.heads import newest_head
from cds_service.audit.merkle import ProofRefused, inclusion_proof, leaf_hash, verify_inclusion
from cds_service.audit.models import EventRow, LeafRow, PayloadRow
from cds_service.audit.reading import EventUnknown
from cds_service.audit.tree import StoredTree
from cds_service.audit.typed import parsed
from cds_service.audit.unsequenced import MERGE_DELAY_S, id_ms

# waiting: it has no place yet, and not for too long; gone: erased or expired, which fails nothing
Outcome = Literal["ok", "failed", "waiting", "gone"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One check of one event."""

    what: str  # is checked
    outcome: Outcome
    told: str


def check_event(
    connection: Connection, event_id: str, keys: Mapping[bytes, PublicKey]
) -> tuple[Checked, ...]:
    """Check one event, each step by itself.

    Args:
        connection: whose transaction sees one state of the log.
        event_id: of the event.
        keys: that may sign the log, by id.

    Raises:
        EventUnknown: no event has this id.
    """
    columns = [column for column in EventRow.__table__.columns if column.name != "body"]
    query = (
        select(EventRow.body, LeafRow.leaf_index, LeafRow.leaf_hash, PayloadRow.ciphertext)
        .add_columns(*columns)
        .outerjoin(LeafRow, LeafRow.event_id == EventRow.event_id)
        .outerjoin(PayloadRow, PayloadRow.event_id == EventRow.event_id)
        .where(EventRow.event_id == event_id)
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        raise EventUnknown("no event has this id")
    return (
        _bytes(row),
        *_under_head(connection, row, keys),
        _payload(row),
        _columns(row, [column.name for column in columns]),
    )


def _bytes(row: Row[Any]) -> Checked:
    what = "The stored bytes are those that got their place in the tree"
    if row.leaf_hash is None:
        return _waiting(row, what)
    found = leaf_hash(row.body)
    if found != row.leaf_hash:
        told = f"they hash to {found.hex()}, the leaf is {row.leaf_hash.hex()}: they were changed"
        return Checked(what=what, outcome="failed", told=told)
    return Checked(what=what, outcome="ok", told=f"both hash to {found.hex()}")


def _under_head(
    connection: Connection, row: Row[Any], keys: Mapping[bytes, PublicKey]
) -> tuple[Checked, Checked]:
    """Its place under the newest signed head, and who has signed that."""
    place = "The event stands under the newest signed head"
    signed = "The newest head is signed with a key of this log"
    newest = newest_head(connection)
    if newest is None:
        told = "no head is signed yet"
        return _waiting(row, place), Checked(what=signed, outcome="waiting", told=told)
    try:
        head = parse_head(newest[1])
        key = head.verify(keys)
        told = f"head {newest[0]} of {head.checkpoint.signed_at}, key {key.key_id.hex()}"
        signature = Checked(what=signed, outcome="ok", told=told)
    except NoteRefused as refused:
        told = f"head {newest[0]}: {refused}"
        failed = Checked(what=signed, outcome="failed", told=told)
        return Checked(what=place, outcome="failed", told="no head can be relied on"), failed
    return _inclusion(connection, row, head, place), signature


def _inclusion(connection: Connection, row: Row[Any], head: SignedHead, what: str) -> Checked:
    size = head.checkpoint.size
    if row.leaf_index is None or row.leaf_index >= size:
        return _waiting(row, what)
    proof = inclusion_proof(row.leaf_index, size, StoredTree(connection).node)
    try:
        # of the bytes as they are now, not of the leaf that is stored
        verify_inclusion(leaf_hash(row.body), row.leaf_index, size, proof, head.checkpoint.root)
    except ProofRefused as refused:
        return Checked(what=what, outcome="failed", told=str(refused))
    told = f"leaf {row.leaf_index} of {size}, shown by {len(proof)} hashes"
    return Checked(what=what, outcome="ok", told=told)


def _waiting(row: Row[Any], what: str) -> Checked:
    waits_s = time() - id_ms(row.event_id) / 1000
    if waits_s > MERGE_DELAY_S:
        told = f"it has no place under a signed head after {waits_s:.0f} s: see the integrity page"
        return Checked(what=what, outcome="failed", told=told)
    return Checked(what=what, outcome="waiting", told="not yet: check again in a few seconds")


def _payload(row: Row[Any]) -> Checked:
    what = "What is protected is what the event names"
    body = parsed(row.body)
    if body is None:
        return Checked(what=what, outcome="failed", told="the bytes are no event")
    named = body.get("payload_sha256")
    if row.ciphertext is None:
        told = "it was erased or has expired" if named else "the event never had any"
        return Checked(what=what, outcome="gone", told=told)
    found = sha256(row.ciphertext).hexdigest()
    if found != named:
        return Checked(what=what, outcome="failed", told=f"its hash is {found}, another is named")
    return Checked(what=what, outcome="ok", told=f"its encrypted bytes hash to {found}")


def _columns(row: Row[Any], names: list[str]) -> Checked:
    what = "The columns that are searched say what the bytes say"
    body = parsed(row.body)
    try:
        wanted = search_columns(body or {})
    except LookupError:
        return Checked(what=what, outcome="failed", told="the bytes are no event")
    others = [name for name in names if getattr(row, name) != wanted[name]]
    if others:
        return Checked(what=what, outcome="failed", told=f"{', '.join(others)}: another value")
    return Checked(what=what, outcome="ok", told=f"{len(names)} columns")
