"""Evidence for who looks by a browser: the place of an event, its proof, and how the log stands."""

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Connection, Row, exists, select

from cds_service.audit.bundle import prove
from cds_service.audit.checkpoint import NoteRefused, PublicKey, parse_head
from cds_service.audit.database import DEFAULT_TIMEOUT_S, reporting_failures
from cds_service.audit.event_check import Checked, check_event
from cds_service.audit.heads import FILE as HEADS_FILE
from cds_service.audit.kept_heads import KeptHead, compare_heads
from cds_service.audit.models import HeadRow, LeafRow
from cds_service.audit.snapshot import open_snapshot
from cds_service.audit.typed import as_stored, misfit
from cds_service.audit.unsequenced import count_unsequenced, oldest_unsequenced_s
from cds_service.keys.signing import FILE as SIGNING_FILE
from cds_service.keys.signing import SigningFile

MOST_HEADS = 50  # of the history
MOST_WAITING = 10_000  # events without a place that are counted
TAIL_BYTES = 64 * 1024  # of the file of heads: many times the longest line
_HEAD = (HeadRow.number, HeadRow.tree_size, HeadRow.note)
# of the file of heads: missing, with the newest, without the newest ones, of another log, no file
Kept = Literal["none", "same", "behind", "another", "unreadable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPlace:
    """Where in the tree an event stands."""

    leaf_index: int
    leaf: bytes  # its hash


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadSeen:
    """One head of the database."""

    number: int | None  # None: it is no number
    size: int = 0  # leaves
    root: str = ""  # hex
    signed_at: str = ""
    key_id: str = ""  # hex
    next_key: str | None = None  # the id of the key that it hands on to
    fault: str | None = None  # why it cannot be relied on


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How the log stands."""

    heads: tuple[HeadSeen, ...]  # the newest first
    waiting: int  # events without a place, counted up to MOST_WAITING
    oldest_s: float  # since the oldest of these was begun
    kept: Kept
    kept_number: int | None  # of the last head in the file


class Evidence:
    """Reads the log of one database by connections of its own, each time as one state of it.

    Every method raises AuditFailure when the database does not do its part, and KeysRefused when
    the keys that verify heads cannot be read.
    """

    def __init__(
        self, database_url: str, folder: Path, *, timeout_s: float = DEFAULT_TIMEOUT_S
    ) -> None:
        """Name the database, and the folder with the signing keys and the file of heads."""
        self._engine = open_snapshot(database_url, timeout_s)
        self._signing = SigningFile(folder / SIGNING_FILE)
        self._kept = folder / HEADS_FILE

    def place(self, event_id: str) -> EventPlace | None:
        """Where an event stands; None while it has no place."""
        query = select(LeafRow.leaf_index, LeafRow.leaf_hash).where(LeafRow.event_id == event_id)
        with self._reading() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else EventPlace(leaf_index=row[0], leaf=row[1])

    def check(self, event_id: str) -> tuple[Checked, ...]:
        """Check one event now; see check_event."""
        with self._reading() as connection:
            return check_event(connection, event_id, self._keys())

    def prove(self, event_id: str) -> dict[str, Any]:
        """The proof of one event; see bundle.prove."""
        with self._reading() as connection:
            return prove(connection, event_id)

    def compare(self, text: str) -> tuple[KeptHead, ...]:
        """Compare heads that were kept elsewhere with the log.

        Raises:
            NoteRefused: the newest head of the database itself is not signed well.
        """
        with self._reading() as connection:
            return compare_heads(connection, text, self._keys())

    def standing(self) -> Standing:
        """How the log stands now."""
        keys = self._keys()
        with self._reading() as connection:
            query = select(*map(as_stored, _HEAD)).order_by(HeadRow.number.desc())
            rows = connection.execute(query.limit(MOST_HEADS))
            heads = tuple(_seen(row, keys) for row in rows)
            kept, number = self._state_of_file(connection)
            return Standing(
                heads=heads,
                waiting=count_unsequenced(connection, MOST_WAITING),
                oldest_s=oldest_unsequenced_s(connection, time.time_ns() // 1_000_000),
                kept=kept,
                kept_number=number,
            )

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def _keys(self) -> Mapping[bytes, PublicKey]:
        return {key.key_id: key for key in self._signing.read().keys}

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with reporting_failures(), self._engine.begin() as connection:
            yield connection

    def _state_of_file(self, connection: Connection) -> tuple[Kept, int | None]:
        """The last line of the file of heads, against the database."""
        try:
            last = _last_line(self._kept)
        except FileNotFoundError:
            return "none", None
        except OSError:
            return "unreadable", None
        try:
            head = json.loads(last)
            number, note = int(head["number"]), str(head["note"])
        except (ValueError, TypeError, LookupError):
            return "unreadable", None
        later = select(exists().where(HeadRow.number > number))
        stored = select(as_stored(HeadRow.note)).where(HeadRow.number == number)
        if connection.scalar(stored) != note:
            return "another", number
        return ("behind" if connection.scalar(later) else "same"), number


def _seen(row: Row[*tuple[Any, ...]], keys: Mapping[bytes, PublicKey]) -> HeadSeen:
    number, size, note = row
    wrong = map(misfit, _HEAD, row)
    if fault := next(filter(None, wrong), None):
        shown = number if isinstance(number, int) else None
        return HeadSeen(number=shown, fault=f"{fault}: the database was changed from outside")
    try:
        head = parse_head(note)
    except NoteRefused as refused:
        return HeadSeen(number=number, size=size, fault=str(refused))
    told = head.checkpoint
    try:
        head.verify(keys)
    except NoteRefused as refused:
        fault = str(refused)
    return HeadSeen(
        number=number,
        size=told.size,
        root=told.root.hex(),
        signed_at=told.signed_at,
        key_id=head.key_id.hex(),
        next_key=told.next_key.key_id.hex() if told.next_key else None,
        fault=fault,
    )


def _last_line(path: Path) -> bytes:
    """The last whole line of a file that may be long; a line that is being written is none."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - TAIL_BYTES))
        whole = file.read().rpartition(b"\n")[0]
    return whole.rpartition(b"\n")[2]
