"""Verifying the whole log of a database: bytes, places, tiles, heads, keys, numbers, receipts.

Everything is worked out anew from the stored bytes and from one key that is known from elsewhere.
"""

import time
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, func, select

from cds_service.audit.chain import Chain, follow_chain, signer_of_first
from cds_service.audit.checkpoint import NoteRefused, PublicKey
from cds_service.audit.database import read_driver_rows
from cds_service.audit.findings import CHECKS, Findings
from cds_service.audit.forgotten import Forgotten
from cds_service.audit.heads import is_torn, read_exported
from cds_service.audit.leaves import TYPED, Checked, Stretch
from cds_service.audit.links import tell_rows_of_no_event
from cds_service.audit.merkle import leaf_hash
from cds_service.audit.models import EventRow, HeadRow, LeafRow, TileRow, table_of
from cds_service.audit.numbered import Numbered
from cds_service.audit.read_model.comparing import no_rows, places_of_read_model, tell_state
from cds_service.audit.receipts import parse_receipt
from cds_service.audit.snapshot import snapshot
from cds_service.audit.stretches import checked_stretches
from cds_service.audit.tree import TILE_BITS, GrowingTree
from cds_service.audit.typed import pass_over, told_of, wrong_texts, wrong_values
from cds_service.audit.unsequenced import MERGE_DELAY_S, id_ms, unsequenced
from cds_service.audit.vault import Vault
from cds_service.audit.whose import check_keys
from cds_service.clients.models import ClientRow
from cds_service.keys.service import KeyService
from cds_service.manners import Watch, unwatched
from cds_service.reviewer.accounts.models import TABLES as ACCOUNTS
from cds_service.stops.models import TABLES as STOPS

# tables of the same database whose rows change and go: of these, the types alone are looked at
BESIDE = (table_of(ClientRow), *ACCOUNTS, *STOPS)
READ_AT_ONCE = 2000  # rows
TILES_AT_ONCE = 256
# between the making of an id and its place: the longest call (60 s), the delay, clocks apart
OLDEST_S = 60.0 + MERGE_DELAY_S + 20.0
AT_WORK = "start the service, or run `lamo-cds audit sequence --once`, then verify again"
# checks that read JSON, which takes most of the time
_PARSED = ("columns", "payloads", "links", "workers", "read-model")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be verified, and against what."""

    first_key: PublicKey  # of head 0, known from elsewhere
    exported: Path | None = None  # heads that were kept elsewhere
    receipts: Sequence[str] = ()  # as clients got them
    is_quick: bool = False  # bytes, places, tiles and heads alone
    stretch: int = 1 << 15  # leaves that a process checks at once
    keys: KeyService | None = None  # of the tenant; None: whether keys unwrap is not checked


def verify_log(database_url: str, asked: Asked, watch: Watch = unwatched) -> Findings:
    """Verify a log, its stretches under a watch.

    Raises:
        AuditFailure: the database cannot be read.
    """
    with snapshot(database_url) as connection:
        return _Verification(connection, asked, database_url, watch).run()


class _Verification:
    """One pass through the log."""

    def __init__(
        self, connection: Connection, asked: Asked, database_url: str, watch: Watch
    ) -> None:
        self._connection, self._asked, self._url = connection, asked, database_url
        self._watch = watch
        self._found = Findings()
        self._numbered = Numbered(self._found)
        self._rows = no_rows(connection)  # of the read model, as they should be
        self._is_past_types = False

    def run(self) -> Findings:
        # 0. values that nothing can be made of are told, and passed over from here on
        self._is_past_types = self._types()
        # 1. which heads and keys hold
        chain = self._chain()
        exported = self._exported(chain)
        # 2. every leaf, in order, and the tree as it grows past each head
        self._leaves(_Milestones(chain, exported, self._found))
        # 3. nothing waits for its place that should have it, nothing is stored beyond the tree
        self._waiting()
        # 4. rows beside the tree, numbers and receipts
        if not self._asked.is_quick:
            tell_rows_of_no_event(self._connection, self._found)
            self._keys()
        self._numbered.end()
        self._receipts(chain)
        # 5. what pages search in, which is no evidence
        if not self._asked.is_quick:
            tell_state(self._connection, self._rows, self._found)
        self._found.checked = [name for name in CHECKS if name not in self._left_out()]
        return self._found

    def _left_out(self) -> set[str]:
        left_out = set(_PARSED) if self._asked.is_quick else set()
        if self._asked.exported is None:
            left_out.add("exported")
        if self._asked.is_quick or self._asked.keys is None:
            left_out.add("keys")
        return left_out if self._asked.receipts else left_out | {"receipts"}

    def _types(self) -> bool:
        is_wrong = False
        for look in (wrong_values,) if self._asked.is_quick else (wrong_values, wrong_texts):
            for where, found, wanted in look(self._connection, (*TYPED, *BESIDE)):
                self._found.add("types", told_of(where, found, wanted))
                is_wrong = True
        if is_wrong:
            pass_over(self._connection, TYPED)
        return is_wrong

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
            return Chain(heads=(), keys={}, notes={})
        if not heads:
            self._found.add("exported", f"{file.name}: has no whole head")
        if is_torn(file):
            self._found.notes.append(f"{file.name}: its last line was cut, and is left out")
        for number, note in heads:
            if chain.notes.get(number) != note:
                what = "is another" if number in chain.notes else "is not in the database"
                self._found.add("exported", f"{file.name}: head {number} {what}")
        first_key = signer_of_first(heads, chain.keys) or self._asked.first_key
        first = heads[0][0] if heads else 0
        return follow_chain(heads, first_key, self._found, file.name, first)

    def _leaves(self, milestones: "_Milestones") -> None:
        tree, tiles = GrowingTree(), _StoredTiles(self._connection, self._found)
        milestones.passed(tree)
        plan = self._stretches(milestones.not_before())
        stretches = checked_stretches(self._connection, self._url, plan)
        for checked in self._watch(stretches, "stretches of the log", len(plan)):
            self._found.take(checked.findings)
            for leaf in checked.hashes:
                for tile in tree.append(leaf):
                    tiles.compare(*tile)
                if tree.size == milestones.next_size:
                    milestones.passed(tree)
            self._take_numbers(checked)
            self._rows.update(checked.rows)
        self._found.events = tree.size
        milestones.end(tree.size)
        tiles.end(tree.size)

    def _stretches(self, not_before: Sequence[tuple[int, float]]) -> list[Stretch]:
        size = self._asked.stretch
        place = func.row_number().over(order_by=LeafRow.leaf_index) - 1
        placed = select(LeafRow.leaf_index, place.label("place")).subquery()
        firsts = select(placed.c.leaf_index).where(placed.c.place % size == 0)
        indexes = list(self._connection.scalars(firsts.order_by(placed.c.leaf_index)))
        last = self._connection.scalar(select(func.max(LeafRow.leaf_index)))
        forgotten = None if self._asked.is_quick else Forgotten.of(self._connection)
        places = places_of_read_model(self._connection)
        ends = [first - 1 for first in indexes[1:]] + [last]
        return [
            Stretch(
                first=first,
                last=end,
                place=number * size,
                not_before=_of_places(not_before, number * size, (number + 1) * size),
                places=places,
                forgotten=forgotten,
                is_past_types=self._is_past_types,
            )
            for number, (first, end) in enumerate(zip(indexes, ends, strict=False))
        ]

    def _take_numbers(self, checked: Checked) -> None:
        for event_id, is_behind in checked.unnumbered:  # before the numbers of their stretch
            self._numbered.lacks(f"event {event_id}", is_behind)
        for process, numbers in checked.numbers.items():
            for number, event_id in numbers:
                self._numbered.see(f"event {event_id}", process, number)
        for process, number in checked.unused:
            self._numbered.skip(process, number)

    def _keys(self) -> None:
        if self._asked.keys is not None:
            check_keys(self._connection, Vault(self._asked.keys), self._found)

    def _waiting(self) -> None:
        now_ms = int(time.time() * 1000)
        for row in self._connection.execute(unsequenced("", READ_AT_ONCE)):
            waits_s = (now_ms - id_ms(row.event_id)) / 1000
            if waits_s > MERGE_DELAY_S:
                told = f"event {row.event_id}: has no place in the tree after {waits_s:.0f} s"
                self._found.add("index", f"{told}: {AT_WORK}")

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


class _StoredTiles:
    """Compares the tiles of the tree with those that are stored."""

    def __init__(self, connection: Connection, findings: Findings) -> None:
        self._connection, self._found = connection, findings
        self._read: dict[int, dict[int, bytes]] = {}  # by level, some of them by their index

    def compare(self, level: int, index: int, hashes: bytes) -> None:
        """Compare one; those of a level come in order."""
        if index % TILES_AT_ONCE == 0:
            query = select(TileRow.tile_index, TileRow.hashes).where(TileRow.level == level)
            of_these = TileRow.tile_index.between(index, index + TILES_AT_ONCE - 1)
            self._read[level] = {
                at: found for at, found in read_driver_rows(self._connection, query.where(of_these))
            }
        stored = self._read[level].get(index)
        if stored != hashes:
            what = "is missing" if stored is None else "has other hashes"
            self._found.add("tiles", f"tile {index} of level {level} {what}")

    def end(self, size: int) -> None:
        """Tell of more tiles than a tree of this size has."""
        wanted = 0
        while size := size >> TILE_BITS:
            wanted += size
        stored = self._connection.scalar(select(func.count()).select_from(TileRow)) or 0
        if stored > wanted:
            self._found.add("tiles", f"{stored} tiles are stored, the tree has {wanted}")


class _Milestones:
    """What heads say of the tree at their size, and of the time before."""

    def __init__(self, chain: Chain, exported: Chain, findings: Findings) -> None:
        told = {(head.size, head.root, head.signed_at) for head in chain.heads + exported.heads}
        self._heads = sorted(told)
        self._found = findings
        self._next = 0

    @property
    def next_size(self) -> int | None:
        """The size of the tree at the next one."""
        return self._heads[self._next][0] if self._next < len(self._heads) else None

    def passed(self, tree: GrowingTree) -> None:
        """Compare the tree with the heads of its size."""
        while self.next_size == tree.size:
            size, root, signed_at = self._heads[self._next]
            if root != tree.root():
                self._found.add(
                    "heads", f"the head of {size} leaves, {signed_at}, has another root"
                )
            self._next += 1

    def not_before(self) -> list[tuple[int, float]]:
        """From which place on events are how young, in ms since 1970.

        One that was made long before the last head would have had its place by then.
        """
        steps: list[tuple[int, float]] = []
        for size, _, signed_at in self._heads:
            signed_ms = datetime.fromisoformat(signed_at).timestamp() * 1000
            floor = signed_ms - OLDEST_S * 1000
            if not steps or floor > steps[-1][1]:
                steps.append((size, floor))
        return steps

    def end(self, size: int) -> None:
        """Tell of heads that had more leaves than there are."""
        for signed_size, _, signed_at in self._heads[self._next :]:
            self._found.add(
                "heads", f"the head of {signed_size} leaves, {signed_at}: the log has {size} left"
            )


def _of_places(
    steps: Sequence[tuple[int, float]], begin: int, end: int
) -> Sequence[tuple[int, float]]:
    """The steps that hold within a range of places: the last one before it, and those in it."""
    first = max(0, bisect_right(steps, begin, key=lambda step: step[0]) - 1)
    return steps[first : bisect_right(steps, end, key=lambda step: step[0])]
