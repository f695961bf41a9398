"""The tamper drill: copies of the log are changed as somebody who owns the database could.

The triggers are gone there, leaves and tiles are recomputed where that helps the forger, and new
rows are given places by the real sequencer with the key of the copy: only what was signed and kept
elsewhere stands in the way. That key is made for the drill, and the heads of a copy are signed with
it: the log's own signs no forgery, and the forger holds what signs at any place of the log, however
often its own key was changed. The copies are SQLite files, made and removed here; they hold no
payload but those of invented events (see drill_material.py).
"""

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from sqlalchemy import Connection, insert, select, text, update

from cds_service.audit.chain import follow_chain
from cds_service.audit.checkpoint import PublicKey
from cds_service.audit.database import AuditFailure, open_engine, reporting_failures
from cds_service.audit.drill_material import add_invented
from cds_service.audit.findings import Findings
from cds_service.audit.heads import FILE as HEADS_FILE
from cds_service.audit.migrate import upgrade
from cds_service.audit.models import CardRow, EventRow, FeedbackRow, HeadRow, LeafRow, TileRow
from cds_service.audit.sequencer import sequence_all
from cds_service.audit.snapshot import open_snapshot
from cds_service.audit.standalone import verify_bundle
from cds_service.audit.tampering import FORGERIES, Copy, Forgery, write_bundle
from cds_service.audit.tree import TILE_WIDTH
from cds_service.audit.verify import Asked, verify_log
from cds_service.keys.file_keys import FileKeys
from cds_service.keys.ring import new_ring
from cds_service.keys.service import KeyService
from cds_service.keys.signing import FILE as SIGNING_FILE
from cds_service.keys.signing import SigningFile

MOST_LEAVES = 2000  # that are copied: the beginning of a longer log
FEWEST_LEAVES = 4
_TABLES = (EventRow, CardRow, FeedbackRow, LeafRow, TileRow, HeadRow)


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillResult:
    """What one kind of tampering came to."""

    kind: str
    wanted: str  # the check that has to catch it
    caught_by: tuple[str, ...]
    is_skipped: bool = False  # the log is too small for it

    @property
    def outcome(self) -> Literal["caught", "skipped", "missed"]:
        """Whether the check that has to did catch it."""
        if self.is_skipped:
            return "skipped"
        return "caught" if self.wanted in self.caught_by else "missed"

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        told = {"kind": self.kind, "outcome": self.outcome, "wanted": self.wanted}
        return told | {"caught_by": list(self.caught_by)}

    def line(self) -> str:
        """For a person."""
        if self.is_skipped:
            return f"skipped {self.kind}: needs {TILE_WIDTH} events"
        told = ", ".join(self.caught_by) or "nothing"
        return f"{'MISSED' if self.outcome == 'missed' else 'caught':<8}{self.kind}: by {told}"


def run_drill(database_url: str, var_dir: Path) -> Iterator[DrillResult]:
    """Copy a log, tamper with it in every way of FORGERIES, and tell what caught each.

    Raises:
        AuditFailure: the log is too small, or does not verify as it is.
        KeysRefused: the file of the signing key cannot be used.
    """
    with TemporaryDirectory(prefix="lamo-drill-") as name:
        original = Path(name) / "original"
        original.mkdir()
        keys = FileKeys(new_ring())
        _copy_log(database_url, var_dir, original, keys)
        _refuse_failed(_caught(original, keys, original / HEADS_FILE))
        for number, forgery in enumerate(FORGERIES):
            folder = Path(name) / str(number)
            shutil.copytree(original, folder, symlinks=True)
            yield _tamper(forgery, folder, keys)
            shutil.rmtree(folder)
        yield _cut_bundle(original)


def _copy_log(database_url: str, var_dir: Path, folder: Path, keys: KeyService) -> None:
    signing = SigningFile(folder / SIGNING_FILE)
    signing.create()
    first_key = SigningFile(var_dir / SIGNING_FILE).read().keys[0]
    upgrade(_url(folder))
    source, target = open_snapshot(database_url), open_engine(_url(folder))
    try:
        with reporting_failures(), source.begin() as read, target.begin() as write:
            _drop_triggers(write)
            _copy_rows(read, write)
            _sign_anew(write, first_key, signing)
            _write_heads(write, folder / HEADS_FILE)
        add_invented(_url(folder), keys)
        sequence_all(_url(folder), folder)
    finally:
        source.dispose()
        target.dispose()


def _copy_rows(read: Connection, write: Connection) -> None:
    sizes = list(read.scalars(select(HeadRow.tree_size).order_by(HeadRow.tree_size)))
    size = max([size for size in sizes if size <= MOST_LEAVES] or sizes[:1] or [0])
    if size < FEWEST_LEAVES:
        raise AuditFailure(
            f"the signed log to copy has {size} events, a drill needs {FEWEST_LEAVES}: "
            "come again when there are more"
        )
    below = select(LeafRow.event_id).where(LeafRow.leaf_index < size)
    kept = {
        EventRow: EventRow.event_id.in_(below),
        CardRow: CardRow.event_id.in_(below),
        FeedbackRow: FeedbackRow.event_id.in_(below),
        LeafRow: LeafRow.leaf_index < size,
        HeadRow: HeadRow.tree_size <= size,
        TileRow: (TileRow.tile_index + 1) * TILE_WIDTH <= size,
    }
    for table in _TABLES:
        rows = [
            dict(row._mapping) for row in read.execute(select(table.__table__).where(kept[table]))
        ]
        if table is TileRow:  # of higher levels than a copy has, or beyond it
            rows = [row for row in rows if _is_below(row["level"], row["tile_index"], size)]
        if rows:
            write.execute(insert(table), rows)


def _sign_anew(connection: Connection, first_key: PublicKey, signing: SigningFile) -> None:
    """Have the heads of a copy signed with its own key, once those of the log were verified."""
    rows = connection.execute(select(HeadRow.number, HeadRow.note).order_by(HeadRow.number))
    heads = [(row.number, row.note) for row in rows]
    found = Findings()
    chain = follow_chain(heads, first_key, found, "database")
    _refuse_failed(list(found.failed))
    signer, origin = signing.signer(), signing.read().origin
    for (number, _), head in zip(heads, chain.heads, strict=True):
        note = replace(head, origin=origin, next_key=None).signed(signer)
        connection.execute(update(HeadRow).where(HeadRow.number == number).values(note=note))


def _is_below(level: int, index: int, size: int) -> bool:
    return (index + 1) << (8 * (level + 1)) <= size


def _drop_triggers(connection: Connection) -> None:
    triggers = text("SELECT name FROM sqlite_master WHERE type = 'trigger'")
    for name in connection.scalars(triggers).all():
        connection.exec_driver_sql(f'DROP TRIGGER "{name}"')


def _write_heads(connection: Connection, path: Path) -> None:
    heads = connection.execute(select(HeadRow.number, HeadRow.note).order_by(HeadRow.number))
    lines = [json.dumps({"number": row.number, "note": row.note}) + "\n" for row in heads]
    path.write_text("".join(lines), encoding="utf-8")


def _refuse_failed(failed: Sequence[str]) -> None:
    if failed:
        raise AuditFailure(
            f"the log fails {', '.join(failed)} as it is: run `lamo-cds audit verify`"
        )


def _tamper(forgery: Forgery, folder: Path, keys: KeyService) -> DrillResult:
    exported = folder / "exported.jsonl"  # out of the forger's reach
    shutil.copy(folder / HEADS_FILE, exported)
    engine = open_engine(_url(folder))
    try:
        with engine.connect() as connection:
            outside = connection.execution_options(sqlite_begin=None)  # of a transaction
            outside.exec_driver_sql("PRAGMA foreign_keys = OFF")
            outside.commit()
            connection.execution_options(sqlite_begin="BEGIN IMMEDIATE")
            copy = Copy(connection=connection, folder=folder, url=_url(folder))
            is_done = forgery.forge(copy)
    finally:
        engine.dispose()
    if not is_done:
        return DrillResult(kind=forgery.kind, wanted=forgery.wanted, caught_by=(), is_skipped=True)
    caught = _caught(folder, keys, exported, copy.receipts)
    return DrillResult(kind=forgery.kind, wanted=forgery.wanted, caught_by=caught)


def _caught(
    folder: Path, keys: KeyService, exported: Path, receipts: Sequence[str] = ()
) -> tuple[str, ...]:
    key = SigningFile(folder / SIGNING_FILE).read().keys[0]
    asked = Asked(first_key=key, exported=exported, receipts=tuple(receipts), keys=keys)
    return tuple(verify_log(_url(folder), asked).failed)


def _cut_bundle(folder: Path) -> DrillResult:
    key = SigningFile(folder / SIGNING_FILE).read().keys[0].to_text()
    whole, cut = folder / "whole.jsonl", folder / "cut.jsonl"
    write_bundle(_url(folder), key, whole)
    lines = whole.read_text(encoding="utf-8").splitlines(keepends=True)
    cut.write_text("".join(lines[:-2]), encoding="utf-8")
    sound, _ = verify_bundle(whole, key)
    problems, _ = verify_bundle(cut, key)
    caught = ("bundle",) if problems and not sound else ()
    return DrillResult(kind="export cut short", wanted="bundle", caught_by=caught)


def _url(folder: Path) -> str:
    return f"sqlite:///{folder.absolute()}/audit.db"
