"""Heads that somebody kept elsewhere, against the log as it is now."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from sqlalchemy import Connection, select

from cds_service.audit.checkpoint import Checkpoint, NoteRefused, PublicKey, parse_head
from cds_service.audit.heads import newest_head
from cds_service.audit.merkle import Nodes, ProofRefused, consistency_proof, verify_consistency
from cds_service.audit.models import HeadRow
from cds_service.audit.tree import StoredTree

NO_HEAD = "this is no head: give a signed note, or lines of heads.jsonl, whole and unchanged"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptHead:
    """One head that was kept, and what the log says to it."""

    line: int  # of the text, from 1
    number: int | None = None  # a signed note alone does not tell it
    size: int | None = None  # leaves
    signed_at: str | None = None
    fault: str | None = None  # None: the log still begins with what was signed then


def compare_heads(
    connection: Connection, text: str, keys: Mapping[bytes, PublicKey]
) -> tuple[KeptHead, ...]:
    """Compare each head of a text with the log.

    Args:
        connection: whose transaction sees one state of the log.
        text: one signed note, or lines as in heads.jsonl.
        keys: that may sign the log, by id.
    """
    newest = newest_head(connection)
    now = None
    if newest is not None:
        now = parse_head(newest[1])
        now.verify(keys)
    comparison = _Comparison(connection, keys, now.checkpoint if now else None)
    return tuple(comparison.of(*head) for head in _split(text))


def _split(text: str) -> Iterator[tuple[int, int | None, str]]:
    """Line, number and note of every head; a note is empty where a line is none."""
    if not text.lstrip().startswith("{"):
        # as a form sends it: with other line ends, and blanks around it
        yield 1, None, "\n".join(text.strip().splitlines()) + "\n"
        return
    for count, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            head = json.loads(line)
            yield count, int(head["number"]), str(head["note"])
        except (ValueError, TypeError, LookupError, RecursionError):
            yield count, None, ""


class _Comparison:
    """What is the same for all heads of one text."""

    def __init__(
        self, connection: Connection, keys: Mapping[bytes, PublicKey], now: Checkpoint | None
    ) -> None:
        self._connection, self._keys, self._now = connection, keys, now
        self._nodes: Nodes = cache(StoredTree(connection).node)

    def of(self, line: int, number: int | None, note: str) -> KeptHead:
        try:
            head = parse_head(note)
        except NoteRefused:
            return KeptHead(line=line, number=number, fault=NO_HEAD)
        kept, fault = head.checkpoint, None
        try:
            # 1. signed by a key of this log
            head.verify(self._keys)
            # 2. the tree has only grown since
            self._check_tree(kept)
            # 3. where it tells its number, the database has the same one there
            self._check_number(number, note)
        except (NoteRefused, ProofRefused) as refused:
            fault = str(refused)
        return KeptHead(
            line=line, number=number, size=kept.size, signed_at=kept.signed_at, fault=fault
        )

    def _check_tree(self, kept: Checkpoint) -> None:
        if self._now is None or self._now.size < kept.size:
            has = self._now.size if self._now else 0
            raise ProofRefused(
                f"it signs {kept.size} events, the newest head of the database {has}: the end of "
                "the log was cut off, or an older copy was put in its place"
            )
        proof = consistency_proof(kept.size, self._now.size, self._nodes)
        new = (self._now.size, self._now.root)
        try:
            verify_consistency((kept.size, kept.root), new, proof)
        except ProofRefused:
            raise ProofRefused(
                f"the first {kept.size} events are not those that it signs: the log was changed"
            ) from None

    def _check_number(self, number: int | None, note: str) -> None:
        if number is None:
            return
        stored = self._connection.scalar(select(HeadRow.note).where(HeadRow.number == number))
        if stored != note:
            what = "another head" if stored else "no head"
            raise NoteRefused(f"the database has {what} of number {number}: heads were replaced")
