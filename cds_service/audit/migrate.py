"""Bringing the tables to the state that this release needs, and checking that they are there."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache

import structlog
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from cds_service.audit.database import AuditFailure, open_engine, reporting_failures
from cds_service.audit.partitions import make_partitions, rows_without_month
from cds_service.keys.service import KeyService

VERSION_TABLE = "audit_version"  # a database may hold another application's alembic_version
_WAIT_S = 60.0  # for workers that start together: one migrates, the others wait
_TO_REWRITE = "to be written anew"
# owns the tables, or may make them where there are none
_MAY_CHANGE = (
    "SELECT coalesce((SELECT pg_has_role(relowner, 'USAGE') FROM pg_class "
    "WHERE oid = to_regclass('event')), has_schema_privilege(current_schema(), 'CREATE'))"
)
_LOCK_ID = 7809649185277012340  # of pg_advisory_xact_lock; any number, but always the same

log = structlog.get_logger()


def upgrade(database_url: str, keys: KeyService | None = None) -> None:
    """Bring the database to the newest revision; do nothing when it is there already.

    Makes the SQLite file when there is none. Safe when several processes do it at once.

    Args:
        database_url: of the database.
        keys: under which what is protected of older events is encrypted; without older events no
            keys are needed.

    Raises:
        AuditFailure: it could not be done; says why.
    """
    _migrate(database_url, "head", command.upgrade, keys)
    _use_write_ahead_log(database_url)
    _rewrite(database_url)
    _make_months(database_url)


def upgrade_or_check(database_url: str, keys: KeyService) -> None:
    """Upgrade as a role that may; as one that may not, see that there is no need.

    Raises:
        AuditFailure: it could not be done, or somebody else has to.
    """
    with reporting_failures(), _connected(database_url) as connection:
        may = connection.dialect.name == "sqlite" or connection.scalar(text(_MAY_CHANGE))
        if not may:
            check_head(connection)
    if may:
        upgrade(database_url, keys)


def downgrade(database_url: str, revision: str = "base", keys: KeyService | None = None) -> None:
    """Take the database back to an older revision. Revisions refuse to drop rows.

    Args:
        database_url: of the database.
        revision: the one to go to.
        keys: with which what is protected is opened, where the older revision kept it open.

    Raises:
        AuditFailure: it could not be done; says why.
    """
    _migrate(database_url, revision, command.downgrade, keys)


def check_head(connection: Connection) -> None:
    """Raise AuditFailure unless the tables are those of this release."""
    options = {"version_table": VERSION_TABLE}
    found = MigrationContext.configure(connection, opts=options).get_current_revision()
    needed = newest_revision()
    if found != needed:
        raise AuditFailure(
            f"the audit tables are at revision {found or 'none'}, this release needs {needed}: "
            "run `lamo-cds audit upgrade` as the owner of the tables (LAMO_DATABASE_OWNER_URL), or "
            "the release that fits the tables"
        )


def check_writable(connection: Connection) -> None:
    """Raise AuditFailure when the database only takes reads."""
    if connection.dialect.name == "sqlite":  # lets a write begin on a read-only file, then refuses
        with connection.begin_nested() as undone:
            connection.exec_driver_sql("CREATE TABLE audit_probe (probe)")
            undone.rollback()
    elif connection.scalar(text("SHOW transaction_read_only")) == "on":
        raise AuditFailure("the audit database takes reads only: connect to the primary server")


def _migrate(
    database_url: str,
    revision: str,
    step: Callable[[Config, str], None],
    keys: KeyService | None,
) -> None:
    with reporting_failures(), _connected(database_url) as connection, connection.begin():
        if connection.dialect.name == "postgresql":  # on SQLite, BEGIN IMMEDIATE is the lock
            connection.execute(text("SELECT pg_advisory_xact_lock(:id)"), {"id": _LOCK_ID})
            connection.execute(text("SET LOCAL statement_timeout = 0"))  # a table may be large
        config = _config()
        config.attributes |= {"connection": connection, "keys": keys}
        try:
            step(config, revision)
        except CommandError as error:
            raise AuditFailure(
                f"the audit tables cannot be brought to {revision}: {error}"
            ) from None


def mark_for_rewrite(connection: Connection) -> None:
    """Say that tables hold remains of text that is encrypted now: commits with the caller."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA user_version = 1")
    else:
        connection.execute(text(f"COMMENT ON TABLE event IS '{_TO_REWRITE}'"))


def _rewrite(database_url: str) -> None:
    """Write the tables anew where that is due: what was replaced leaves their files."""
    with reporting_failures(), _connected(database_url) as connection:
        if connection.dialect.name == "sqlite":
            outside = connection.execution_options(sqlite_begin=None)
            if outside.exec_driver_sql("PRAGMA user_version").scalar_one():
                outside.exec_driver_sql("VACUUM")
                outside.exec_driver_sql("PRAGMA user_version = 0")
                outside.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            return
        outside = connection.execution_options(isolation_level="AUTOCOMMIT")
        comment = "SELECT obj_description(to_regclass('event')::oid, 'pg_class')"
        if outside.execute(text(comment)).scalar_one() == _TO_REWRITE:
            outside.execute(text("SET statement_timeout = 0"))  # it takes as long as it is large
            outside.execute(text("VACUUM FULL event, feedback"))
            outside.execute(text("COMMENT ON TABLE event IS NULL"))


def _make_months(database_url: str) -> None:
    """The coming partitions of table payload; tell of rows that stand in none of a month."""
    with reporting_failures(), _connected(database_url) as connection, connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:id)"), {"id": _LOCK_ID})
            make_partitions(connection, datetime.now(UTC))
            if rows := rows_without_month(connection):
                log.warning("payloads_without_month", rows=rows, table="payload_default")


def _use_write_ahead_log(database_url: str) -> None:
    """Let readers and the writer of a SQLite file go on side by side. The file remembers it."""
    with reporting_failures(), _connected(database_url) as connection:
        if connection.dialect.name == "sqlite":
            outside = connection.execution_options(sqlite_begin=None)  # of a transaction
            ends_at = time.monotonic() + _WAIT_S
            while not _has_switched(outside, ends_at):
                time.sleep(0.01)


def _has_switched(connection: Connection, ends_at: float) -> bool:
    """SQLite does not wait for other workers here as it does elsewhere, so the caller does."""
    try:
        connection.exec_driver_sql("PRAGMA journal_mode = WAL")
    except OperationalError:
        if time.monotonic() > ends_at:
            raise
        return False
    return True


@contextmanager
def _connected(database_url: str) -> Iterator[Connection]:
    engine = open_engine(database_url, timeout_s=_WAIT_S, create=True)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


@cache
def newest_revision() -> str | None:
    """The revision whose tables this release needs."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "cds_service.audit:migrations")
    return config
