"""Places, tiles and heads, on SQLite and on PostgreSQL; late commits, rotation, set-backs."""

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, select, text
from sqlalchemy.exc import DBAPIError

from cds_service.audit.bodies import build_event, event_columns, seal_event
from cds_service.audit.database import AuditFailure, open_engine
from cds_service.audit.heads import FILE as HEADS_FILE
from cds_service.audit.heads import read_exported, rotate_key
from cds_service.audit.log import AuditLog
from cds_service.audit.merkle import leaf_hash, root_of
from cds_service.audit.migrate import upgrade
from cds_service.audit.models import EventRow, HeadRow, LeafRow, TileRow
from cds_service.audit.sequencer import leading, run_sequencer, sequence_all
from cds_service.audit.tree import StoredTree
from cds_service.audit.verify import Asked, verify_log
from cds_service.keys.service import KeyService
from cds_service.keys.signing import FILE, SigningFile
from tests.cds_service.audit.evidence_fixtures import failed_checks, fill, var_dir
from tests.cds_service.audit.test_entries import NOON, decision
from tests.waiting import wait_until

pytest_plugins = ["tests.cds_service.audit_fixtures"]
__all__ = ["var_dir"]


def test_every_event_gets_its_place(audit_log: AuditLog, audit_url: str, var_dir: Path) -> None:
    for events in (3, 300, 220):  # within a tile, past one, and past another
        fill(audit_log, audit_url, var_dir, events)

    engine = open_engine(audit_url)
    with engine.begin() as connection:
        rows = connection.execute(
            select(LeafRow.leaf_index, LeafRow.leaf_hash, EventRow.body)
            .join(EventRow, EventRow.event_id == LeafRow.event_id)
            .order_by(LeafRow.leaf_index)
        ).all()
        found = connection.execute(select(TileRow).order_by(TileRow.tile_index))
        tiles = [(row.level, row.tile_index, row.hashes) for row in found]
        stored = StoredTree(connection)
        roots = [stored.node(height, 0) for height in range(10)]
    engine.dispose()
    leaves = [leaf_hash(row.body) for row in rows]
    assert [row.leaf_index for row in rows] == list(range(523))
    assert [row.leaf_hash for row in rows] == leaves
    assert tiles == [(0, at, b"".join(leaves[at * 256 : at * 256 + 256])) for at in (0, 1)]
    assert roots == [root_of(leaves[: 1 << height]) for height in range(10)]
    assert failed_checks(audit_url, var_dir) == []


def test_a_lower_id_that_is_committed_later_is_not_lost(
    audit_log: AuditLog, audit_url: str, var_dir: Path
) -> None:
    event = build_event(decision(), NOON) | {"worker": {"id": "late", "counter": 1}}
    late = seal_event(event, None, None)
    fill(audit_log, audit_url, var_dir, 3)
    engine = open_engine(audit_url)
    with leading(audit_url, var_dir) as sequencer:
        assert sequencer is not None
        assert sequencer.step() == 0  # a whole search; the next one is not
        with engine.begin() as connection:
            connection.execute(insert(EventRow), event_columns(late.body, late.written))
        assert sequencer.step() == 1
    engine.dispose()


def test_one_leads_and_the_next_takes_over(audit_url: str, var_dir: Path) -> None:
    with leading(audit_url, var_dir) as first, leading(audit_url, var_dir) as second:
        assert (first is None, second is None) == (False, True)
        assert sequence_all(audit_url, var_dir) is None
    assert sequence_all(audit_url, var_dir) == 0


def test_it_goes_on_while_many_write(audit_log: AuditLog, audit_url: str, var_dir: Path) -> None:
    stopped = threading.Event()
    arguments = (audit_url, var_dir, stopped)
    running = [threading.Thread(target=run_sequencer, args=arguments) for _ in range(2)]
    for thread in running:
        thread.start()
    with ThreadPoolExecutor(max_workers=8) as threads:
        list(threads.map(audit_log.append_decision, [decision() for _ in range(600)]))
    stopped.set()
    for thread in running:
        thread.join()
    sequence_all(audit_url, var_dir)

    key = SigningFile(var_dir / FILE).read().keys[0]
    found = verify_log(audit_url, Asked(first_key=key, exported=var_dir / HEADS_FILE))
    assert (found.events, found.failed, found.notes) == (600, {}, [])


def test_heads_are_exported_and_a_torn_line_is_written_again(
    audit_log: AuditLog, audit_url: str, var_dir: Path
) -> None:
    fill(audit_log, audit_url, var_dir, 2)
    fill(audit_log, audit_url, var_dir, 2)
    file = var_dir / HEADS_FILE
    whole = file.read_bytes()
    file.write_bytes(whole[:-10])

    sequence_all(audit_url, var_dir)

    assert file.read_bytes().startswith(whole)
    assert [number for number, _ in read_exported(file)] == [0, 1, 2]


def rotated(url: str, var_dir: Path) -> None:
    engine = open_engine(url)
    with engine.begin() as connection:
        rotate_key(connection, SigningFile(var_dir / FILE))
    engine.dispose()


def test_a_new_key_is_named_by_the_old_one(
    audit_log: AuditLog, audit_url: str, var_dir: Path
) -> None:
    first = SigningFile(var_dir / FILE).read()
    with leading(audit_url, var_dir) as sequencer:
        assert sequencer is not None
        sequencer.step()
        rotated(audit_url, var_dir)
        audit_log.append_decision(decision())
        sequencer.step()
        sequencer.sign()  # sees the new file

    held = SigningFile(var_dir / FILE).read()
    assert held.keys[0] == first.keys[0]
    assert (len(held.keys), held.seed == first.seed) == (2, False)
    assert failed_checks(audit_url, var_dir) == []


def test_a_log_is_not_signed_with_a_key_that_nobody_named(
    audit_log: AuditLog, audit_url: str, var_dir: Path
) -> None:
    fill(audit_log, audit_url, var_dir, 2)
    (var_dir / FILE).unlink()
    SigningFile(var_dir / FILE).create()
    with pytest.raises(AuditFailure) as refusal:
        sequence_all(audit_url, var_dir)
    assert "give back the file that belongs to this database" in refusal.value.reason


def test_a_database_that_was_set_back_is_not_gone_on_with(
    tmp_path: Path, var_dir: Path, audit_keys: KeyService
) -> None:
    url = f"sqlite:///{tmp_path}/audit.db"
    upgrade(url)
    log = AuditLog(url, audit_keys)
    fill(log, url, var_dir, 2)
    log.close()
    shutil.copy(tmp_path / "audit.db", tmp_path / "backup.db")
    log = AuditLog(url, audit_keys)
    fill(log, url, var_dir, 2)
    log.close()
    shutil.copy(tmp_path / "backup.db", tmp_path / "audit.db")
    with pytest.raises(AuditFailure) as refusal:
        sequence_all(url, var_dir)
    assert "it was set back, or replaced by another" in refusal.value.reason


def test_a_failure_is_tried_again(audit_log: AuditLog, audit_url: str, tmp_path: Path) -> None:
    folder, stopped = tmp_path / "later", threading.Event()
    audit_log.append_decision(decision())
    thread = threading.Thread(target=run_sequencer, args=(audit_url, folder, stopped))
    thread.start()  # there is no key yet
    SigningFile(folder / FILE).create()
    wait_until(lambda: (folder / HEADS_FILE).exists())
    stopped.set()
    thread.join()
    assert failed_checks(audit_url, folder) == []


def run_sql(connection: Connection, statement: str) -> None:
    with connection.begin():
        connection.execute(text(statement))


@pytest.mark.parametrize("table", [LeafRow, TileRow, HeadRow])
@pytest.mark.parametrize("change", ["DELETE FROM {}", "UPDATE {} SET {} = 7"])
def test_the_database_refuses_to_change_the_tree(
    audit_log: AuditLog, audit_url: str, var_dir: Path, table: type, change: str
) -> None:
    fill(audit_log, audit_url, var_dir, 257)
    name = table.__tablename__  # type: ignore[attr-defined]
    column = next(iter(table.__table__.primary_key.columns)).name  # type: ignore[attr-defined]
    engine = open_engine(audit_url)
    with engine.connect() as connection, pytest.raises(DBAPIError, match="never changed"):
        run_sql(connection, change.format(name, column))
    engine.dispose()
