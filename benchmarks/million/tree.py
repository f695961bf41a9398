"""The tree over a log that is there as a whole, with heads as they would have been signed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine, insert, select

from benchmarks.million.bulk import Bulk
from cds_service.audit.canonical import rfc3339
from cds_service.audit.checkpoint import Checkpoint
from cds_service.audit.database import open_engine
from cds_service.audit.merkle import leaf_hash
from cds_service.audit.models import EventRow, HeadRow
from cds_service.audit.sequencer import sequence_all
from cds_service.audit.tree import GrowingTree
from cds_service.audit.unsequenced import id_ms
from cds_service.keys.signing import FILE, SigningFile

AT_ONCE = 5000  # events
TIMEOUT_S = 600.0


@dataclass(slots=True)
class _Heads:
    """Signs the tree at every full hour, as it was then."""

    keys: SigningFile
    every: timedelta
    due: datetime
    number: int = 0

    def until(self, moment: datetime, tree: GrowingTree) -> Iterator[dict[str, object]]:
        """The rows of the heads that were due before a moment."""
        while self.due <= moment:
            head = Checkpoint(
                origin=self.keys.read().origin,
                size=tree.size,
                root=tree.root(),
                signed_at=rfc3339(self.due),
            )
            note = head.signed(self.keys.signer())
            yield {"number": self.number, "tree_size": tree.size, "note": note}
            self.number += 1
            self.due += self.every


def grow(database_url: str, folder: Path, every: timedelta) -> None:
    """Give every event its place, sign a head now and then, and one at the end.

    Args:
        database_url: of a log without a tree.
        folder: of the signing key; the heads are exported into it.
        every: between two heads.
    """
    engine = open_engine(database_url, timeout_s=TIMEOUT_S)
    bulk, tree, heads = Bulk(engine), GrowingTree(), None
    for leaves in _leaves(engine):
        heads = heads or _Heads(SigningFile(folder / FILE), every, _made(leaves[0][0]) + every)
        for part in _by_head(leaves, heads, tree, bulk):
            tree.store(bulk.as_connection(), part)
        bulk.flush()
    engine.dispose()
    sequence_all(database_url, folder)


def _by_head(
    leaves: list[tuple[str, bytes]], heads: _Heads, tree: GrowingTree, bulk: Bulk
) -> Iterator[list[tuple[str, bytes]]]:
    """The leaves in parts; between two of them the heads that were due are signed."""
    part: list[tuple[str, bytes]] = []
    for leaf in leaves:
        if _made(leaf[0]) >= heads.due:
            if part:
                yield part
            bulk.execute(insert(HeadRow), list(heads.until(_made(leaf[0]), tree)))
            part = []
        part.append(leaf)
    yield part


def _leaves(engine: Engine) -> Iterator[list[tuple[str, bytes]]]:
    """Event ids and leaf hashes in order."""
    last = ""
    query = select(EventRow.event_id, EventRow.body).order_by(EventRow.event_id).limit(AT_ONCE)
    while True:
        with engine.begin() as connection:
            rows = connection.execute(query.where(EventRow.event_id > last)).all()
        if not rows:
            return
        yield [(row.event_id, leaf_hash(row.body)) for row in rows]
        last = rows[-1].event_id


def _made(event_id: str) -> datetime:
    return datetime.fromtimestamp(id_ms(event_id) / 1000, UTC)
