"""The tables come up, go down while they are empty, and are those of the models."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import column, inspect, table, update

from cds_service.audit.database import AuditFailure, open_engine
from cds_service.audit.log import AuditLog
from cds_service.audit.migrate import VERSION_TABLE, downgrade, upgrade
from cds_service.audit.sequencer import sequence_all
from cds_service.keys.service import KeyService
from cds_service.keys.signing import FILE, SigningFile
from cds_service.notes.store import NoteDigestRow
from cds_service.served.models import ServedRow
from cds_service.stops.models import StopRow
from tests.cds_service.audit.test_entries import decision

pytest_plugins = ["tests.cds_service.audit_fixtures"]

TABLES = (NoteDigestRow, ServedRow, StopRow)  # imported: their models are of one metadata


def tables_of(database_url: str) -> set[str]:
    engine = open_engine(database_url)
    names = set(inspect(engine).get_table_names())
    engine.dispose()
    return names


def is_no_partition(name: str | None, kind: str, _: object) -> bool:
    return kind != "table" or not str(name).startswith("payload_")


def test_the_tables_are_those_of_the_models(audit_url: str) -> None:
    engine = open_engine(audit_url)

    with engine.begin() as connection:
        options = {"version_table": VERSION_TABLE, "include_name": is_no_partition}
        context = MigrationContext.configure(connection, opts=options)
        differences = compare_metadata(context, TABLES[0].metadata)
    engine.dispose()

    assert differences == []


def test_empty_tables_go_down_and_come_up_again(audit_url: str, audit_keys: KeyService) -> None:
    downgrade(audit_url)
    assert tables_of(audit_url) == {VERSION_TABLE}

    upgrade(audit_url)
    log = AuditLog(audit_url, audit_keys)
    log.append_decision(decision())
    log.ping()
    log.close()


def test_a_log_with_events_is_not_dropped(
    audit_log: AuditLog, audit_url: str, audit_keys: KeyService
) -> None:
    audit_log.append_decision(entry := decision())

    with pytest.raises(AuditFailure) as refusal:
        downgrade(audit_url, keys=audit_keys)

    assert "holds 1 events and is not dropped" in refusal.value.reason
    upgrade(audit_url)
    assert audit_log.find_event(entry.event_id).summary.card_count == 2


def test_a_database_of_a_newer_release_is_left_alone(audit_url: str) -> None:
    engine = open_engine(audit_url)
    with engine.begin() as connection:
        connection.execute(update(table(VERSION_TABLE, column("version_num"))).values(["newer"]))
    engine.dispose()

    with pytest.raises(AuditFailure) as refusal:
        upgrade(audit_url)
    assert "newer" in refusal.value.reason


def test_workers_that_start_together_all_find_the_tables(empty_url: str) -> None:
    code = "import sys; from cds_service.audit.migrate import upgrade; upgrade(sys.argv[1])"
    command = [sys.executable, "-c", code, empty_url]

    with ThreadPoolExecutor(max_workers=4) as threads:
        runs = list(threads.map(lambda _: subprocess.run(command, check=False), range(4)))

    assert [run.returncode for run in runs] == [0] * 4
    assert "event" in tables_of(empty_url)


def test_what_was_signed_is_not_taken_apart(audit_url: str, tmp_path: Path) -> None:
    SigningFile(tmp_path / FILE).create()
    sequence_all(audit_url, tmp_path)

    with pytest.raises(AuditFailure) as refusal:
        downgrade(audit_url)

    assert "holds 1 signed heads and is not taken apart" in refusal.value.reason
