"""A database that does not do its part stops the cards: AuditUnavailable, and why."""

import stat
from pathlib import Path

import pytest
from sqlalchemy import text

from cds_service.audit.database import AuditFailure, open_engine
from cds_service.audit.log import AuditLog
from cds_service.audit.migrate import upgrade
from cds_service.errors import AuditUnavailable
from cds_service.keys.file_keys import FileKeys
from cds_service.keys.ring import new_ring
from tests.cds_service.audit.test_entries import decision, feedback
from tests.cds_service.postgres import PostgresServer, new_server

pytest_plugins = ["tests.cds_service.audit_fixtures"]
KEYS = FileKeys(new_ring())


def reason_of(log: AuditLog) -> str:
    """Why a decision could not be written; also that readiness says no."""
    with pytest.raises(AuditUnavailable):
        log.ping()
    with pytest.raises(AuditFailure) as refusal:
        log.append_decision(decision())
    log.close()
    return refusal.value.reason


def test_a_log_that_can_be_written_is_ready(audit_log: AuditLog) -> None:
    audit_log.ping()


def test_a_read_only_file_takes_no_decision(tmp_path: Path) -> None:
    upgrade(f"sqlite:///{tmp_path}/audit.db")

    reason = reason_of(AuditLog(f"sqlite:///file:{tmp_path}/audit.db?mode=ro&uri=true", KEYS))

    assert "SQLITE_READONLY" in reason


def test_a_file_that_went_missing_is_not_replaced_by_an_empty_one(tmp_path: Path) -> None:
    reason = reason_of(AuditLog(f"sqlite:///{tmp_path}/audit.db", KEYS))

    assert "SQLITE_CANTOPEN" in reason
    assert not (tmp_path / "audit.db").exists()


def test_a_file_that_is_no_database_takes_no_decision(tmp_path: Path) -> None:
    (tmp_path / "audit.db").write_text("a shopping list" * 100)

    assert "SQLITE_NOTADB" in reason_of(AuditLog(f"sqlite:///{tmp_path}/audit.db", KEYS))


def test_a_file_that_another_holds_takes_no_decision(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/audit.db"
    upgrade(url)
    holder = open_engine(url)

    with holder.begin():
        reason = reason_of(AuditLog(url, KEYS, timeout_s=0.1))
    holder.dispose()

    assert "SQLITE_BUSY" in reason


def test_a_dropped_table_takes_no_decision_and_quotes_no_data(audit_url: str) -> None:
    engine = open_engine(audit_url)
    with engine.begin() as connection:
        for table in ("feedback", "card"):
            connection.execute(text(f"DROP TABLE {table}"))
    engine.dispose()
    log = AuditLog(audit_url, KEYS)

    with pytest.raises(AuditFailure) as refusal:
        log.append_decision(decision(patient_id="marked-patient"))
    assert list(log.list_events()) == []  # the event was taken back with its cards
    log.close()

    assert "marked-patient" not in f"{refusal.value} {refusal.value.reason}"
    assert refusal.value.__suppress_context__


def test_a_database_without_tables_is_not_ready_and_says_what_to_do(empty_url: str) -> None:
    open_engine(empty_url, create=True).dispose()
    log = AuditLog(empty_url, KEYS)

    with pytest.raises(AuditFailure) as refusal:
        log.ping()
    log.close()

    assert "lamo-cds audit upgrade" in refusal.value.reason


def test_a_repeated_event_id_is_a_failure_and_not_a_repeated_feedback(audit_log: AuditLog) -> None:
    audit_log.append_feedback(entry := feedback("card-1"))

    with pytest.raises(AuditUnavailable):
        audit_log.append_feedback(feedback("card-2", event_id=entry.event_id))


def test_a_stopped_server_takes_no_decision_and_a_restarted_one_does() -> None:
    server = new_server()
    server.start()
    upgrade(server.url())
    log = AuditLog(server.url(), KEYS)
    log.ping()

    server.stop()
    with pytest.raises(AuditUnavailable):
        log.append_decision(decision())
    server.start()
    log.append_decision(entry := decision())

    assert log.find_event(entry.event_id).summary.card_count == 2
    log.close()
    server.remove()


def test_a_database_of_another_encoding_is_refused(postgres_server: PostgresServer) -> None:
    options = "ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
    with pytest.raises(AuditFailure) as refusal:
        upgrade(postgres_server.new_database(options))
    assert "SQL_ASCII, wanted UTF8" in refusal.value.reason


def test_a_server_that_does_not_answer_is_said_without_its_password() -> None:
    with pytest.raises(AuditFailure) as refusal:
        upgrade("postgresql+psycopg://lamo:marked-password@127.0.0.1:1/lamo")
    assert "host, port, name, user and password of its URL" in refusal.value.reason
    assert "marked" not in refusal.value.reason


def test_a_server_that_only_reads_is_not_ready(audit_url: str) -> None:
    if audit_url.startswith("sqlite"):
        pytest.skip("a setting of PostgreSQL")
    log = AuditLog(f"{audit_url}?options=-cdefault_transaction_read_only%3Don", KEYS)

    with pytest.raises(AuditFailure) as refusal:
        log.ping()
    assert "connect to the primary server" in refusal.value.reason
    assert "25006" in reason_of(log)  # read_only_sql_transaction


@pytest.mark.parametrize("url", ["mysql://host/audit", "sqlite://", "no url at all"])
def test_an_url_of_no_audit_database_is_refused_with_what_is_accepted(url: str) -> None:
    with pytest.raises(ValueError, match=r"sqlite:///path/to/audit.db or postgresql"):
        AuditLog(url, KEYS)


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(AuditFailure) as refusal:
        upgrade(f"sqlite:///{tmp_path}/file/audit.db")
    assert "name one in a folder" in refusal.value.reason


def test_only_its_owner_may_read_a_new_file(tmp_path: Path) -> None:
    upgrade(f"sqlite:///{tmp_path}/var/audit.db")

    assert stat.S_IMODE((tmp_path / "var" / "audit.db").stat().st_mode) == 0o600
