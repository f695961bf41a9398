"""What each role of PostgreSQL may do is enough for its work, and nothing else."""

from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from cds_service.audit.database import AuditFailure, open_engine
from cds_service.audit.granting import db, grant_roles
from cds_service.audit.keeping import Keeper
from cds_service.audit.log import AuditLog
from cds_service.audit.migrate import downgrade, upgrade, upgrade_or_check
from cds_service.audit.rights import RIGHTS, Roles
from cds_service.audit.sequencer import sequence_all
from cds_service.audit.vault import Whom
from cds_service.audit.verify import Asked, verify_log
from cds_service.clients.seen_tokens import SeenTokens
from cds_service.keys.service import KeyService
from cds_service.keys.signing import FILE, SigningFile
from cds_service.notes.store import NoteDigestRow
from cds_service.terminology.models import ReleaseRow
from tests.cds_service.audit.evidence_fixtures import var_dir
from tests.cds_service.audit.test_entries import NOON, decision, error, feedback
from tests.cds_service.postgres import PostgresServer

pytest_plugins = ["tests.cds_service.audit_fixtures"]
__all__ = ["var_dir"]
WHOM = Whom(client="https://ehr.example.org", patient_id="patient-1")
REFUSED = [
    *(
        ("lamo_writer", statement.format(table))
        for table in ("event", "card", "feedback", "payload", "patient", "period")
        for statement in ("UPDATE {} SET event_id = ''", "DELETE FROM {}", "TRUNCATE {} CASCADE")
        if "UPDATE" not in statement or table not in ("patient", "period")
    ),
    ("lamo_writer", "DROP TABLE event CASCADE"),
    ("lamo_writer", "ALTER TABLE event DISABLE TRIGGER ALL"),
    ("lamo_writer", "CREATE TABLE mine (one int)"),
    ("lamo_writer", "SELECT ciphertext FROM payload"),
    ("lamo_writer", "SELECT * FROM payload_default"),
    ("lamo_writer", "INSERT INTO leaf SELECT 0, event_id, body FROM event"),
    ("lamo_writer", "INSERT INTO head VALUES (99, 99, '')"),
    ("lamo_writer", "DELETE FROM hold"),
    ("lamo_reader", "INSERT INTO hold VALUES ('all', '')"),
    ("lamo_reader", "DELETE FROM seen_token"),
    ("lamo_sequencer", "SELECT ciphertext FROM payload"),
    ("lamo_sequencer", "SELECT wrapped_key FROM patient"),
    ("lamo_sequencer", "INSERT INTO event SELECT * FROM event"),
    ("lamo_sequencer", "UPDATE leaf SET leaf_index = 7"),
    ("lamo_sequencer", "DELETE FROM head"),
    ("lamo_sequencer", "TRUNCATE tile"),
]


@pytest.fixture(scope="module")
def granted_url(postgres_server: PostgresServer) -> str:
    """A database whose roles may log in under their own names."""
    url = postgres_server.new_database()
    upgrade(url)
    grant_roles(url, Roles())
    engine = open_engine(url)
    with engine.begin() as connection:
        for field in fields(Roles):
            connection.execute(text(f"ALTER ROLE {field.default} LOGIN"))
    engine.dispose()
    return url


def of(role: str, url: str) -> str:
    return url.replace("tests@", f"lamo_{role}@")


@pytest.fixture
def log(granted_url: str, audit_keys: KeyService) -> Iterator[AuditLog]:
    reader = of("reader", granted_url)
    log = AuditLog(of("writer", granted_url), audit_keys, timeout_s=60, reader_url=reader)
    yield log
    log.close()


def test_every_table_has_its_line() -> None:
    tables = {*NoteDigestRow.metadata.tables, *ReleaseRow.metadata.tables}  # one for all models
    assert set(RIGHTS) == {*tables, "audit_version"}


def test_each_role_can_do_its_work(
    log: AuditLog, granted_url: str, var_dir: Path, audit_keys: KeyService
) -> None:
    entry = decision()
    log.append_decision(entry)
    log.append_error(error())
    assert log.append_feedback(feedback(entry.cards[0]["uuid"])) == 1
    log.overridden(WHOM, "Practitioner/example", NOON)
    log.ping()
    assert log.find_event(entry.event_id).protected == "open"
    assert sequence_all(of("sequencer", granted_url), var_dir) == 3
    asked = Asked(first_key=SigningFile(var_dir / FILE).read().keys[0], stretch=2)
    assert verify_log(of("reader", granted_url), asked).failed == {}
    keeper = Keeper(of("owner", granted_url), audit_keys)
    assert keeper.erase(WHOM, lambda _: 0).payloads == 2
    keeper.purge(datetime(2020, 1, 1, tzinfo=UTC))
    keeper.close()
    upgrade(of("owner", granted_url))


def test_the_writer_works_with_what_changes(granted_url: str) -> None:
    engine = open_engine(of("writer", granted_url))
    seen = SeenTokens(engine)
    assert [seen.take("a", "b", expires_at=9, now=1) for _ in range(2)] == [True, False]
    engine.dispose()


@pytest.mark.parametrize(("role", "statement"), REFUSED)
def test_all_else_is_refused(granted_url: str, role: str, statement: str) -> None:
    engine = open_engine(granted_url.replace("tests@", f"{role}@"))
    with engine.connect() as connection, pytest.raises(ProgrammingError, match=r"denied|be owner"):
        connection.execute(text(statement))
    engine.dispose()


def test_a_service_without_rights_starts_on_good_tables_alone(
    granted_url: str, audit_keys: KeyService, postgres_server: PostgresServer
) -> None:
    upgrade_or_check(of("writer", granted_url), audit_keys)
    old = postgres_server.new_database()
    upgrade(old)
    grant_roles(old, Roles())
    downgrade(old, "0010")
    with pytest.raises(AuditFailure) as refusal:
        upgrade_or_check(of("writer", old), audit_keys)
    assert "LAMO_DATABASE_OWNER_URL" in refusal.value.reason


def test_the_sql_is_printed_for_a_dba() -> None:
    printed = CliRunner().invoke(db, ["grant", "--print", "--writer", "cds"]).output
    assert "GRANT SELECT, INSERT ON card TO cds;" in printed
    assert "GRANT SELECT, INSERT ON leaf TO lamo_sequencer;" in printed


def test_odd_names_and_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there twice"):
        Roles(owner="one", writer="one")
    with pytest.raises(ValueError, match="name that is odd"):
        Roles(owner="one; DROP TABLE event")
    with pytest.raises(ValueError, match="SQLite file, which has no roles"):
        grant_roles(f"sqlite:///{tmp_path}/audit.db", Roles())
