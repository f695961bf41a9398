"""Signing the tree, and handing what was signed to where the database has no reach.

Heads are numbered without gaps. Each is signed with the key that the one before has named, or with
the same key where that names none.
"""

import json
import os
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import structlog
from sqlalchemy import Connection, insert, select, text

from cds_service.audit.canonical import rfc3339
from cds_service.audit.checkpoint import Checkpoint, NoteRefused, SignedHead, parse_head
from cds_service.audit.database import AuditFailure
from cds_service.audit.merkle import Frontier
from cds_service.audit.models import HeadRow
from cds_service.audit.tree import StoredTree
from cds_service.keys.signing import SigningFile

FILE = "heads.jsonl"
_LOCK_ID = 7809649185277012342  # of pg_advisory_xact_lock: one head is signed at a time

log = structlog.get_logger()


def sign_head(connection: Connection, keys: SigningFile, root: bytes | None = None) -> None:
    """Sign the tree as this transaction sees it.

    Args:
        connection: in a transaction, which on SQLite excludes all other writers.
        keys: of the log.
        root: of the whole tree, when the caller has it.

    Raises:
        AuditFailure: the head before was not signed with these keys.
        KeysRefused: the keys cannot be used.
    """
    _wait_for_turn(connection)
    checkpoint, number = _next_checkpoint(connection, keys, root)
    _insert(connection, number, checkpoint.size, checkpoint.signed(keys.signer()))


def rotate_key(connection: Connection, keys: SigningFile) -> str:
    """Sign a head that names a new key with the old one, and put the new one in its place.

    Returns:
        The new key, as NAME+ID+KEY.

    Raises:
        AuditFailure: the head before was not signed with these keys.
        KeysRefused: the keys cannot be used, or not be replaced.
    """
    _wait_for_turn(connection)
    old = keys.read()
    new = old.rotated()
    checkpoint, number = _next_checkpoint(connection, keys, None)
    told = Checkpoint(
        origin=checkpoint.origin,
        size=checkpoint.size,
        root=checkpoint.root,
        signed_at=checkpoint.signed_at,
        next_key=new.keys[-1],
    )
    _insert(connection, number, told.size, told.signed(old.signer))
    keys.replace(new)  # last: whoever signs next waits for the commit behind it
    return new.keys[-1].to_text()


def newest_head(connection: Connection) -> tuple[int, str] | None:
    """Number and note of the newest head."""
    query = select(HeadRow.number, HeadRow.note).order_by(HeadRow.number.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return None if row is None else (row.number, row.note)


def read_exported(path: Path) -> Iterator[tuple[int, str]]:
    """Number and note of every head in a file of exported ones; a line cut at its end is left out.

    Raises:
        NoteRefused: a line is no head.
    """
    with path.open("rb") as lines:
        for count, line in enumerate(lines, 1):
            if not line.endswith(b"\n"):
                return  # the process was killed over it; the next one writes it again
            head = exported_head(line)
            if head is None:
                raise NoteRefused(f"line {count} of {path.name} is no exported head")
            yield head


def is_torn(path: Path) -> bool:
    """Whether a file of exported heads ends within a line, as a process leaves it that is killed.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(0, end - 1))
        return end > 0 and file.read(1) != b"\n"


def exported_head(line: bytes | str) -> tuple[int, str] | None:
    """Number and note of a head in a line of that file; None where it is no such line."""
    try:
        head = json.loads(line)
        return int(head["number"]), str(head["note"])
    except (ValueError, TypeError, LookupError):
        return None


def exported_line(number: int, note: str) -> str:
    """A head as a line of that file, in ASCII and without its line feed."""
    return json.dumps({"number": number, "note": note})


class HeadsFile:
    """The file that heads are appended to, each a line, as soon as they are committed."""

    def __init__(self, path: Path) -> None:
        """Name the file; it is made with the first head."""
        self.path = path
        self._last: int | None = None  # None: not looked at yet

    def add_new(self, connection: Connection) -> None:
        """Append what is committed and not in the file yet.

        Raises:
            AuditFailure: the file knows of heads that the database does not have.
            OSError: it cannot be written.
        """
        if self._last is None:
            self._last = self._resumed(connection)
        query = select(HeadRow.number, HeadRow.note).where(HeadRow.number > self._last)
        for row in connection.execute(query.order_by(HeadRow.number)).all():
            line = json.dumps({"number": row.number, "note": row.note}, ensure_ascii=False)
            self._append(line.encode() + b"\n")
            self._last = row.number
            log.info("head_signed", number=row.number, head=row.note)

    def _resumed(self, connection: Connection) -> int:
        if not self.path.exists():
            return -1
        self._cut_torn_line()
        newest = deque(read_exported(self.path), maxlen=1)
        if not newest:
            return -1
        number, note = newest[0]
        stored = connection.scalar(select(HeadRow.note).where(HeadRow.number == number))
        if stored != note:
            raise AuditFailure(
                f"{self.path.name} holds a head {number} that the audit database does not have: "
                "it was set back, or replaced by another. Give back the newer database; only if "
                f"that is lost, keep {self.path.name} as evidence under another name"
            )
        return number

    def _cut_torn_line(self) -> None:
        content = self.path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            os.truncate(self.path, whole)

    def _append(self, line: bytes) -> None:
        descriptor = os.open(
            self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600
        )
        with open(descriptor, "wb") as file:
            file.write(line)
            file.flush()
            os.fsync(descriptor)


def _next_checkpoint(
    connection: Connection, keys: SigningFile, root: bytes | None
) -> tuple[Checkpoint, int]:
    last, tree = newest_head(connection), StoredTree(connection)
    held, size = keys.read(), tree.size()
    number = 0
    if last is not None:
        number = last[0] + 1
        _check_signer(parse_head(last[1]), keys)
    checkpoint = Checkpoint(
        origin=held.origin,
        size=size,
        root=root or Frontier.of(size, tree.node).root(),
        signed_at=rfc3339(datetime.now(UTC)),
    )
    return checkpoint, number


def _check_signer(head: SignedHead, keys: SigningFile) -> None:
    """A log that goes on under another key, without a word of the old one, is worth nothing."""
    expected = keys.read().keys[-1]
    named = head.checkpoint.next_key
    key_id = named.key_id if named else head.key_id
    if key_id != expected.key_id:
        raise AuditFailure(
            f"the newest head asks for key {key_id.hex()}, {keys.path.name} holds "
            f"{expected.key_id.hex()}: give back the file that belongs to this database"
        )


def _insert(connection: Connection, number: int, size: int, note: str) -> None:
    connection.execute(insert(HeadRow), {"number": number, "tree_size": size, "note": note})


def _wait_for_turn(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:id)"), {"id": _LOCK_ID})
