"""What a forger who owns the database may do; see drill.py."""

import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, text, update

from cds_service.audit.bodies import event_columns
from cds_service.audit.bundle import bundle_lines
from cds_service.audit.canonical import canonical_bytes
from cds_service.audit.checkpoint import PublicKey, parse_head
from cds_service.audit.heads import FILE as HEADS_FILE
from cds_service.audit.ids import new_event_id
from cds_service.audit.merkle import leaf_hash
from cds_service.audit.models import (
    CardRow,
    EventRow,
    FeedbackRow,
    HeadRow,
    LeafRow,
    PatientRow,
    PayloadRow,
    TileRow,
)
from cds_service.audit.receipts import sign_receipt
from cds_service.audit.sequencer import sequence_all
from cds_service.audit.snapshot import snapshot
from cds_service.audit.tree import GrowingTree
from cds_service.audit.unsequenced import id_ms
from cds_service.keys.signing import FILE as SIGNING_FILE
from cds_service.keys.signing import SigningFile, new_signing_keys

HOUR_MS = 3_600_000
COLUMNS = (
    "kind", "recorded_at", "service_id", "hook", "hook_instance", "client", "user_ref",
    "patient", "outcome", "card_count", "status",
)  # fmt: skip

TYPES = (
    ("event", "body = replace(body, 'nobody', 'others')"),
    ("event", "kind = CAST(kind AS BLOB)"),
    ("leaf", "leaf_index = 'junk'"),
    ("leaf", "leaf_hash = 7"),
    ("head", "number = x'ff'"),
    ("head", "note = CAST(note AS BLOB)"),
    ("payload", "ciphertext = 'junk'"),
    ("patient", "wrapped_key = 'junk'"),
    ("tile", "hashes = 'junk'"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A log that may be changed."""

    connection: Connection  # of a SQLite database without triggers
    folder: Path  # with the signing key and the heads file
    url: str
    receipts: list[str] = field(default_factory=list)  # that clients hold

    def leaves(self) -> list[tuple[str, bytes]]:
        """Event ids and leaf hashes in the order of the tree."""
        rows = self.connection.execute(select(LeafRow).order_by(LeafRow.leaf_index))
        return [(row.event_id, row.leaf_hash) for row in rows]

    def middle(self) -> str:
        """The id of an event in the middle."""
        leaves = self.leaves()
        return leaves[len(leaves) // 2][0]

    def body(self, event_id: str) -> dict[str, Any]:
        """What an event says."""
        query = select(EventRow.body).where(EventRow.event_id == event_id)
        body: dict[str, Any] = json.loads(self.connection.execute(query).scalar_one())
        return body

    def rebuild(self, leaves: Sequence[tuple[str, bytes]]) -> None:
        """Make leaves and tiles anew."""
        self.connection.execute(delete(LeafRow))
        self.connection.execute(delete(TileRow))
        GrowingTree().store(self.connection, leaves)


Forge = Callable[[Copy], bool]  # False: the log is too small for it


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgery:
    """One kind of tampering."""

    kind: str
    wanted: str  # the check of findings.CHECKS that has to catch it
    forge: Forge


def write_bundle(url: str, first_key: str, path: Path) -> None:
    """Export a whole log."""
    with snapshot(url) as connection:
        lines = list(bundle_lines(connection, first_key))
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")


def _edit_bytes(copy: Copy) -> None:
    _change(copy, copy.middle(), {**copy.body(copy.middle()), "outcome": "forged"})


def _edit_bytes_and_leaf(copy: Copy) -> None:
    edited = copy.middle()
    body = _change(copy, edited, {**copy.body(edited), "outcome": "forged"})
    copy.rebuild([(one, leaf_hash(body) if one == edited else leaf) for one, leaf in copy.leaves()])


def _edit_column(copy: Copy, column: str) -> None:
    value: object = 599 if column in ("status", "card_count") else "forged"
    changed = update(EventRow).where(EventRow.event_id == copy.middle())
    copy.connection.execute(changed.values({column: value}))


def _put_payload(copy: Copy) -> None:
    """Of an event whose own payload was not copied."""
    row = {"event_id": copy.middle(), "period": "2020-01", "ciphertext": b"of another event"}
    copy.connection.execute(insert(PayloadRow), row)


def _delete_payload(copy: Copy) -> None:
    """Without a word; all payloads of a copy are of invented events."""
    copy.connection.execute(delete(PayloadRow))


def _delete_key(copy: Copy) -> None:
    copy.connection.execute(delete(PatientRow))


def _move_payload(copy: Copy) -> None:
    copy.connection.execute(update(PayloadRow).values(patient="0" * 32, period=None))


def _exchange_patients(copy: Copy) -> None:
    """So that each is found, shown and erased in the place of the other."""
    query = select(PatientRow.pid, PatientRow.lookup).order_by(PatientRow.pid).limit(2)
    (one, its), (other, others) = copy.connection.execute(query)
    for pid, lookup in ((one, "on its way"), (other, its), (one, others)):
        moved = update(PatientRow).where(PatientRow.pid == pid).values(lookup=lookup)
        copy.connection.execute(moved)


def _change_type(copy: Copy, table: str, change: str) -> bool:
    """What SQLite lets into a column: a value of another type, in one row."""
    row = f"rowid = (SELECT max(rowid) FROM {table})"  # noqa: S608 - our own names
    statement = f"UPDATE {table} SET {change} WHERE {row}"  # noqa: S608
    return copy.connection.execute(text(statement)).rowcount > 0


def _move_card(copy: Copy) -> None:
    """To another decision, so that feedback on it would be of that one."""
    one, other = copy.connection.scalars(
        select(CardRow.event_id).distinct().order_by(CardRow.event_id.desc()).limit(2)
    )
    moved = update(CardRow).where(CardRow.event_id == one).values(event_id=other)
    copy.connection.execute(moved)


def _edit_feedback(copy: Copy) -> None:
    copy.connection.execute(update(FeedbackRow).values(outcome="accepted"))


def _delete_feedback(copy: Copy) -> None:
    copy.connection.execute(delete(FeedbackRow))


def _delete_event(copy: Copy) -> None:
    copy.connection.execute(delete(EventRow).where(EventRow.event_id == copy.middle()))


def _delete_event_and_leaf(copy: Copy) -> None:
    deleted = copy.middle()
    copy.connection.execute(delete(EventRow).where(EventRow.event_id == deleted))
    copy.rebuild([leaf for leaf in copy.leaves() if leaf[0] != deleted])


def _cut_tail(copy: Copy) -> None:
    leaves = copy.leaves()
    kept = leaves[: len(leaves) // 2]
    ids = [event_id for event_id, _ in kept]
    copy.connection.execute(delete(EventRow).where(EventRow.event_id.not_in(ids)))
    copy.connection.execute(delete(HeadRow).where(HeadRow.tree_size > len(kept)))
    copy.rebuild(kept)


def _old_backup(copy: Copy) -> None:
    """And the service goes on with it, its own file of heads put back as well."""
    _cut_tail(copy)
    (copy.folder / HEADS_FILE).unlink()
    _add(copy, copy.body(copy.leaves()[0][0]))


def _reorder(copy: Copy) -> None:
    leaves = copy.leaves()
    copy.rebuild([leaves[1], leaves[0], *leaves[2:]])


def _duplicate(copy: Copy) -> None:
    _add(copy, copy.body(copy.middle()))


def _add_unnumbered(copy: Copy) -> None:
    body = copy.body(copy.middle())
    _add(copy, {name: value for name, value in body.items() if name != "worker"})


def _foreign_row(copy: Copy) -> None:
    worker = {"id": "0123456789abcdef", "counter": 777}
    _add(copy, {**copy.body(copy.middle()), "client": "https://other.example", "worker": worker})


def _back_date(copy: Copy) -> None:
    made_ms = id_ms(copy.leaves()[0][0]) - HOUR_MS
    event_id = str(uuid.UUID(int=made_ms << 80 | 0x7 << 76 | 0b10 << 62 | 1))
    worker = {"id": "fedcba9876543210", "counter": 1}
    _add(copy, {**copy.body(copy.middle()), "worker": worker}, event_id)


def _hide_row(copy: Copy) -> None:
    event_id = str(uuid.UUID(int=(id_ms(copy.middle()) - HOUR_MS) << 80))
    _insert(copy, {**copy.body(copy.middle()), "event_id": event_id})


def _drop_before_sequencing(copy: Copy) -> None:
    signer = SigningFile(copy.folder / SIGNING_FILE).signer()
    event_id = new_event_id()
    receipt = sign_receipt(signer, event_id, leaf_hash(b"{}"), id_ms(event_id))
    copy.receipts.append(receipt.to_text())


def _replace_key(copy: Copy) -> None:
    made = new_signing_keys()
    origin = SigningFile(copy.folder / SIGNING_FILE).read().origin
    public = PublicKey(origin=origin, raw=made.keys[0].raw)
    signer = replace(made.signer, public=public)
    for number, note in _heads(copy):
        forged = replace(parse_head(note).checkpoint, next_key=None).signed(signer)
        copy.connection.execute(update(HeadRow).where(HeadRow.number == number).values(note=forged))


def _edit_head(copy: Copy) -> None:
    number, note = _heads(copy)[-1]
    head = parse_head(note).checkpoint
    forged = note.replace(head.to_text(), replace(head, root=leaf_hash(b"")).to_text())
    copy.connection.execute(update(HeadRow).where(HeadRow.number == number).values(note=forged))


def _drop_head(copy: Copy) -> None:
    copy.connection.execute(delete(HeadRow).where(HeadRow.number == 0))


def _drop_tile(copy: Copy) -> bool:
    last = copy.connection.scalar(select(func.max(TileRow.tile_index)))
    copy.connection.execute(delete(TileRow).where(TileRow.tile_index == last))
    return last is not None


def _edit_tile(copy: Copy) -> bool:
    cut = {"hashes": func.substr(TileRow.hashes, 1, 32)}
    return copy.connection.execute(update(TileRow).values(cut)).rowcount > 0


def _change(copy: Copy, event_id: str, body: Mapping[str, Any]) -> bytes:
    changed = canonical_bytes(body)
    columns = event_columns(body, changed)
    copy.connection.execute(update(EventRow).where(EventRow.event_id == event_id).values(columns))
    return changed


def _add(copy: Copy, body: Mapping[str, Any], event_id: str | None = None) -> None:
    """Add a row under an id of its own, and let the service give it a place."""
    _insert(copy, {**body, "event_id": event_id or new_event_id()})
    copy.connection.commit()
    sequence_all(copy.url, copy.folder)


def _insert(copy: Copy, body: Mapping[str, Any]) -> None:
    copy.connection.execute(insert(EventRow), event_columns(body, canonical_bytes(body)))


def _heads(copy: Copy) -> list[tuple[int, str]]:
    rows = copy.connection.execute(select(HeadRow).order_by(HeadRow.number))
    return [(row.number, row.note) for row in rows]


def _committed(forge: Callable[[Copy], bool | None], copy: Copy) -> bool:
    is_done = forge(copy)
    copy.connection.commit()
    return is_done is not False


def _forgeries() -> Iterator[tuple[str, str, Callable[[Copy], bool | None]]]:
    yield "bytes edited", "leaves", _edit_bytes
    yield "bytes edited, leaf and tiles recomputed", "heads", _edit_bytes_and_leaf
    for column in COLUMNS:
        yield f"column {column} edited", "columns", partial(_edit_column, column=column)
    yield "payload put in the place of another", "payloads", _put_payload
    yield "payload deleted without a word", "payloads", _delete_payload
    yield "key of a patient deleted without a word", "payloads", _delete_key
    yield "payload put under the key of another patient", "payloads", _move_payload
    yield "rows of two patients exchanged", "keys", _exchange_patients
    for table, change in TYPES:
        kind = f"type of {table}.{change.partition(' ')[0]} changed"
        yield kind, "types", partial(_change_type, table=table, change=change)
    yield "card moved to another decision", "links", _move_card
    yield "outcome of feedback edited beside the tree", "links", _edit_feedback
    yield "feedback deleted beside the tree", "links", _delete_feedback
    yield "event deleted from the middle", "index", _delete_event
    yield "event deleted, leaves renumbered", "heads", _delete_event_and_leaf
    yield "tail cut, with its heads", "exported", _cut_tail
    yield "old backup given back, and gone on with", "exported", _old_backup
    yield "leaves reordered", "heads", _reorder
    yield "event duplicated", "workers", _duplicate
    yield "event added without a number", "workers", _add_unnumbered
    yield "row of another tenant added", "workers", _foreign_row
    yield "row back-dated", "dates", _back_date
    yield "row hidden from the tree", "index", _hide_row
    yield "event dropped before it got its place", "receipts", _drop_before_sequencing
    yield "key replaced, all heads signed anew", "signatures", _replace_key
    yield "head edited", "signatures", _edit_head
    yield "head deleted", "signatures", _drop_head
    yield "tile deleted", "tiles", _drop_tile
    yield "tiles cut short", "tiles", _edit_tile


FORGERIES = tuple(
    Forgery(kind=kind, wanted=wanted, forge=partial(_committed, forge))
    for kind, wanted, forge in _forgeries()
)
