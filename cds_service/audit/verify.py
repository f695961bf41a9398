"""Verifying the whole log of a database: bytes, places, tiles, heads, keys, numbers, receipts.

Everything is worked out anew from the stored bytes and from one key that is known from elsewhere.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, func, select

from cds_service.audit.bodies import search_columns
from cds_service.audit.chain import Chain, follow_chain
from cds_service.audit.checkpoint import NoteRefused, PublicKey
from cds_service.audit.database import open_engine, reporting_failures
from cds_service.audit.findings import CHECKS, Findings
from cds_service.audit.forgotten import Forgotten
from cds_service.audit.heads import read_exported
from cds_service.audit.links import Links
from cds_service.audit.merkle import leaf_hash
from cds_service.audit.models import EventRow, HeadRow, LeafRow, PayloadRow, TileRow
from cds_service.audit.numbered import Numbered
from cds_service.audit.read_model.comparing import compare_read_model
from cds_service.audit.read_model.registry import PROJECTIONS
from cds_service.audit.receipts import parse_receipt
from cds_service.audit.tree import GrowingTree
from cds_service.audit.unsequenced import MERGE_DELAY_S, id_ms, unsequenced

READ_AT_ONCE = 2000  # rows
TIMEOUT_S = 3600.0  # of one statement
# between the making of an id and its place: the longest call (60 s), the delay, clocks apart
OLDEST_S = 60.0 + MERGE_DELAY_S + 20.0
_SEARCHED = [column for column in EventRow.__table__.columns if column.name != "body"]
_PARSED = (
    "columns",
    "payloads",
    "links",
    "workers",
    "read-model",
)  # checks that read JSON, which takes most of the time


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be verified, and against what."""

    first_key: PublicKey  # of head 0, known from elsewhere
    exported: Path | None = None  # heads that were kept elsewhere
    receipts: Sequence[str] = ()  # as clients got them
    is_quick: bool = False  # bytes, places, tiles and heads alone


def open_snapshot(database_url: str, timeout_s: float = TIMEOUT_S) -> Engine:
    """An engine whose transactions see one state of the log while it is written to."""
    engine = open_engine(database_url, timeout_s=timeout_s)
    if engine.dialect.name == "postgresql":
        return engine.execution_options(isolation_level="REPEATABLE READ")
    return engine.execution_options(sqlite_begin="BEGIN")  # takes no lock that a writer waits for


@contextmanager
def snapshot(database_url: str) -> Iterator[Connection]:
    """One state of the log, to read from.

    Raises:
        AuditFailure: the database cannot be read.
    """
    engine = open_snapshot(database_url)
    try:
        with reporting_failures(), engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def verify_log(database_url: str, asked: Asked) -> Findings:
    """Verify a log.

    Raises:
        AuditFailure: the database cannot be read.
    """
    with snapshot(database_url) as connection:
        return _Verification(connection, asked).run()


class _Verification:
    """One pass through the log."""

    def __init__(self, connection: Connection, asked: Asked) -> None:
        self._connection, self._asked = connection, asked
        self._found = Findings()
        self._numbered = Numbered(self._found)
        self._links = Links(connection, self._found)
        self._forgotten = None if asked.is_quick else Forgotten(connection)

    def run(self) -> Findings:
        # 1. which heads and keys hold
        chain = self._chain()
        exported = self._exported(chain)
        # 2. every leaf, in order, and the tree as it grows past each head
        self._leaves(_Milestones(chain, exported, self._found))
        # 3. nothing waits for its place that should have it, nothing is stored beyond the tree
        self._waiting()
        # 4. rows beside the tree, numbers and receipts
        if not self._asked.is_quick:
            self._links.end()
        self._numbered.end()
        self._receipts(chain)
        # 5. what pages search in, which is no evidence
        if not self._asked.is_quick:
            compare_read_model(self._connection, PROJECTIONS, self._found)
        self._found.checked = [name for name in CHECKS if name not in self._left_out()]
        return self._found

    def _left_out(self) -> set[str]:
        left_out = set(_PARSED) if self._asked.is_quick else set()
        if self._asked.exported is None:
            left_out.add("exported")
        return left_out if self._asked.receipts else left_out | {"receipts"}

    def _chain(self) -> Chain:
        rows = self._connection.execute(select(HeadRow).order_by(HeadRow.number)).all()
        heads = [(row.number, row.note) for row in rows]
        chain = follow_chain(heads, self._asked.first_key, self._found, "database")
        for row in rows:
            if row.note.split("\n")[1:2] != [str(row.tree_size)]:
                self._found.add("columns", f"head {row.number}: tree_size is not that of its note")
        return chain

    def _exported(self, chain: Chain) -> Chain:
        file = self._asked.exported
        if file is None:
            return Chain(heads=(), keys={}, notes={})
        try:
            heads = list(read_exported(file))
        except (NoteRefused, OSError) as refused:
            self._found.add("exported", f"{file.name}: {refused}")
            heads = []
        for number, note in heads:
            if chain.notes.get(number) != note:
                what = "is another" if number in chain.notes else "is not in the database"
                self._found.add("exported", f"{file.name}: head {number} {what}")
        return follow_chain(heads, self._asked.first_key, self._found, file.name)

    def _leaves(self, milestones: "_Milestones") -> None:
        tree = GrowingTree()
        milestones.passed(tree)
        for row in self._rows():
            index, event_id, stored, body = row[:4]
            if index != tree.size:
                self._add("index", index, event_id, f"wanted leaf {tree.size} here")
            if body is None:
                self._add("index", index, event_id, "there is no such event")
            leaf = stored if body is None else leaf_hash(body)
            if leaf != stored:
                told = "its bytes are not those that got this place"
                self._add("leaves", index, event_id, told)
            if body is not None and not self._asked.is_quick:
                self._event(index, event_id, body, row[4:])
            if not milestones.is_after_heads(event_id):
                told = f"is older than a head of fewer than {tree.size + 1} leaves"
                self._add("dates", index, event_id, told)
            for tile in tree.append(leaf):
                self._tile(*tile)
            milestones.passed(tree)
        self._found.events = tree.size
        milestones.end(tree.size)
        self._count_tiles(tree.size)

    def _rows(self) -> Iterator[Sequence[Any]]:
        """Of each leaf its index, event id and hash; of its event body, payload and columns."""
        query = (
            select(LeafRow.leaf_index, LeafRow.event_id, LeafRow.leaf_hash, EventRow.body)
            .outerjoin(EventRow, EventRow.event_id == LeafRow.event_id)
            .where(LeafRow.leaf_index > bindparam("last"))
            .order_by(LeafRow.leaf_index)
            .limit(READ_AT_ONCE)
        )
        if not self._asked.is_quick:
            query = query.add_columns(PayloadRow.ciphertext, *_SEARCHED)
            query = query.outerjoin(PayloadRow, PayloadRow.event_id == LeafRow.event_id)
        last = -1
        while rows := self._connection.execute(query, {"last": last}).all():
            yield from rows
            self._links.compare()
            last = rows[-1].leaf_index

    def _event(self, index: int, event_id: str, data: bytes, beside: Sequence[Any]) -> None:
        try:
            body = json.loads(data)
            wanted = search_columns(body)
            self._links.see(event_id, body)
            self._numbered.see(f"event {event_id}", body)
        except (ValueError, TypeError, LookupError):
            self._add("columns", index, event_id, "its bytes are no event")
            return
        ciphertext, *columns = beside
        if told := self._wrong_payload(event_id, body, ciphertext):
            self._add("payloads", index, event_id, told)
        for column, value in zip(_SEARCHED, columns, strict=True):
            if wanted.get(column.name) != value:
                told = f"{column.name} is not what its bytes say"
                self._add("columns", index, event_id, told)

    def _wrong_payload(
        self, event_id: str, body: Mapping[str, Any], ciphertext: bytes | None
    ) -> str | None:
        """What is wrong. Feedback on a card of a patient who was erased before never had one."""
        named = body.get("payload_sha256")
        if ciphertext is not None:
            is_it = sha256(ciphertext).hexdigest() == named
            return None if is_it else "its payload is not the one that it names"
        if named is None or self._forgotten is None:
            return None
        is_told = self._forgotten.covers(event_id, body.get("patient"))
        return None if is_told else "its payload is gone, and no erasure or purge was of it"

    def _add(self, check: str, index: int, event_id: str, told: str) -> None:
        self._found.add(check, f"leaf {index}, event {event_id}: {told}")

    def _tile(self, level: int, index: int, hashes: bytes) -> None:
        query = select(TileRow.hashes).where(TileRow.level == level, TileRow.tile_index == index)
        stored = self._connection.scalar(query)
        if stored != hashes:
            what = "is missing" if stored is None else "has other hashes"
            self._found.add("tiles", f"tile {index} of level {level} {what}")

    def _count_tiles(self, size: int) -> None:
        wanted = 0
        while size := size >> 8:
            wanted += size
        stored = self._connection.scalar(select(func.count()).select_from(TileRow)) or 0
        if stored > wanted:
            self._found.add("tiles", f"{stored} tiles are stored, the tree has {wanted}")

    def _waiting(self) -> None:
        now_ms = int(time.time() * 1000)
        for row in self._connection.execute(unsequenced("", READ_AT_ONCE)):
            waits_s = (now_ms - _made_ms(row.event_id)) / 1000
            if waits_s > MERGE_DELAY_S:
                self._found.add(
                    "index", f"event {row.event_id}: has no place in the tree after {waits_s:.0f} s"
                )

    def _receipts(self, chain: Chain) -> None:
        for text in self._asked.receipts:
            try:
                receipt = parse_receipt(text)
                receipt.verify(chain.keys)
            except NoteRefused as refused:
                self._found.add("receipts", str(refused))
                continue
            query = select(EventRow.body).where(EventRow.event_id == receipt.event_id)
            body = self._connection.scalar(query)
            if body is None:
                self._found.add("receipts", f"event {receipt.event_id}: the log does not have it")
            elif leaf_hash(body) != receipt.leaf:
                self._found.add("receipts", f"event {receipt.event_id}: has other bytes now")


class _Milestones:
    """What heads say of the tree at their size, and of the time before."""

    def __init__(self, chain: Chain, exported: Chain, findings: Findings) -> None:
        told = {(head.size, head.root, head.signed_at) for head in chain.heads + exported.heads}
        self._heads = sorted(told)
        self._found = findings
        self._next = 0
        self._not_before_ms = 0.0

    def passed(self, tree: GrowingTree) -> None:
        """Compare the tree with the heads of its size."""
        while self._next < len(self._heads) and self._heads[self._next][0] == tree.size:
            size, root, signed_at = self._heads[self._next]
            if root != tree.root():
                self._found.add(
                    "heads", f"the head of {size} leaves, {signed_at}, has another root"
                )
            signed_ms = datetime.fromisoformat(signed_at).timestamp() * 1000
            self._not_before_ms = max(self._not_before_ms, signed_ms - OLDEST_S * 1000)
            self._next += 1

    def is_after_heads(self, event_id: str) -> bool:
        """An event that was made long before the last head would have had its place by then."""
        return _made_ms(event_id) >= self._not_before_ms

    def end(self, size: int) -> None:
        """Tell of heads that had more leaves than there are."""
        for signed_size, _, signed_at in self._heads[self._next :]:
            self._found.add(
                "heads", f"the head of {signed_size} leaves, {signed_at}: the log has {size} left"
            )


def _made_ms(event_id: str) -> int:
    try:
        return id_ms(event_id)
    except ValueError:  # an id of ours always has it
        return 0
