"""Engines for the two databases, with bounded waits and nothing lost after a commit."""

import os
import select as polling
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, Select, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InvalidatePoolError, SQLAlchemyError

from cds_service.errors import AuditUnavailable

DEFAULT_TIMEOUT_S = 2.0
POOL_SIZE = 16  # connections that are kept, made as they are needed
ACCEPTED = "sqlite:///path/to/audit.db or postgresql+psycopg://user:password@host/database"

# every statement is a transaction: one round trip, and nothing to undo when a connection goes back
_SINGLE: Mapping[str, Any] = {"isolation_level": "AUTOCOMMIT", "skip_autocommit_rollback": True}

# what to do about the failures that an operator meets first
_ADVICE: Mapping[tuple[str, str], str] = {
    ("OperationalError", "without a code"): "it cannot be reached, or refuses the login; see that "
    "it is up, and the host, port, name, user and password of its URL",
    ("InsufficientPrivilege", "42501"): "this login may not; name one that may in "
    "LAMO_DATABASE_READER_URL, LAMO_DATABASE_SEQUENCER_URL or LAMO_DATABASE_OWNER_URL",
}
_ANY_OTHER = "see that it is there, up, upgraded and may be written"


class NoText(bytes):
    """What stands as text in a SQLite file and is no UTF-8: a value of another type."""


def open_engine(
    database_url: str,
    *,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    create: bool = False,
    read_only: bool = False,
    durable: bool = True,
) -> Engine:
    """Make an engine for the audit database; nothing is connected yet.

    Args:
        database_url: a SQLAlchemy URL of a SQLite file or of a PostgreSQL database.
        timeout_s: how long a connection, a lock or a statement may take.
        create: make the SQLite file (and its folder) when there is none. Only migrations do: a
            file that went missing must stop the service, not be replaced by an empty one.
        read_only: transactions only read, and take no lock that a writer waits for. On PostgreSQL
            there are none: every statement is one, and may write as well.
        durable: a commit returns when it is on the disk; False for what a power cut may forget.

    Raises:
        ValueError: the URL is of no such database.
    """
    url = _parse_url(database_url)
    if url.get_backend_name() == "sqlite":
        engine = _open_sqlite(_sqlite_uri(url, create), timeout_s, read_only)
        if not durable:
            _on_connect(engine, "PRAGMA synchronous = NORMAL")
        return engine.execution_options(sqlite_begin="BEGIN") if read_only else engine
    if url.get_backend_name() == "postgresql":
        engine = _open_postgresql(url, timeout_s, _SINGLE if read_only else {})
        if not durable:
            _on_connect(engine, "SET synchronous_commit = off")
        return engine
    raise ValueError(
        f"the audit log cannot be kept in {url.get_backend_name()}: "
        f"set the database URL to {ACCEPTED}"
    )


def _refuse_other_encodings(connection: Any, _record: object) -> None:
    found = connection.info.parameter_status("server_encoding")
    if found != "UTF8":
        raise AuditFailure(
            f"the audit database has the encoding {found}, wanted UTF8: make another with "
            "CREATE DATABASE name ENCODING 'UTF8' TEMPLATE template0"
        )


def _on_connect(engine: Engine, statement: str) -> None:
    def run(connection: Any, _record: object) -> None:
        connection.execute(statement)
        connection.commit()

    event.listen(engine, "connect", run)


def _parse_url(database_url: str) -> URL:
    try:
        return make_url(database_url)
    except ArgumentError:
        # the text itself is not repeated: it may hold a password
        raise ValueError(f"the audit database URL is not a URL: set it to {ACCEPTED}") from None


def _open_sqlite(url: URL, timeout_s: float, read_only: bool) -> Engine:
    engine = create_engine(
        url,
        connect_args={"timeout": timeout_s},
        # SQLite has one writer at a time: threads queue here, in order, instead of asking
        # the file again and again until one of them has waited for too long
        pool_size=POOL_SIZE if read_only else 1,
        max_overflow=0,
        pool_timeout=timeout_s,
        hide_parameters=True,
    )
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _sqlite_uri(url: URL, create: bool) -> URL:
    if not url.database or url.database == ":memory:":
        raise ValueError(f"the audit log needs a file, the URL names none: set it to {ACCEPTED}")
    if url.database.startswith("file:"):
        return url
    path = Path(url.database).absolute()
    if create:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # bodies hold patient data
    return url.set(database=f"file:{quote(str(path))}").update_query_dict(
        {"uri": "true", "mode": "rw"}
    )


def is_made(database_url: str) -> bool:
    """Whether there is anything to connect to; False for a SQLite file that is not there."""
    url = _parse_url(database_url)
    if url.get_backend_name() != "sqlite" or not url.database:
        return True
    return url.database.startswith("file:") or Path(url.database).exists()


def _set_up_sqlite(connection: Any, _record: object) -> None:
    connection.text_factory = _read_text
    connection.isolation_level = None  # the driver's own BEGIN comes too late: see _begin_sqlite
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten


def _read_text(data: bytes) -> str | NoText:
    try:
        return data.decode()
    except UnicodeDecodeError:  # which would fail the whole query, and say nothing of where
        return NoText(data)


def _begin_sqlite(connection: Connection) -> None:
    """Take the write lock at once: a transaction that asks for it later fails when it is busy."""
    begin = connection.get_execution_options().get("sqlite_begin", "BEGIN IMMEDIATE")
    if begin:
        connection.exec_driver_sql(begin)


def _open_postgresql(url: URL, timeout_s: float, options: Mapping[str, Any]) -> Engine:
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args={
            "connect_timeout": max(2, round(timeout_s)),  # libpq: 2 s at the least
            "tcp_user_timeout": round(timeout_s * 1000),  # of a host that is gone without a word
        },
        pool_size=POOL_SIZE,
        pool_timeout=timeout_s,
        hide_parameters=True,
        **options,
    )

    def bound_waits(connection: Any, _record: object) -> None:
        for setting in ("statement_timeout", "lock_timeout"):
            connection.execute(f"SET {setting} = {round(timeout_s * 1000)}")
        connection.commit()

    event.listen(engine, "connect", _refuse_other_encodings, insert=True)  # before SQLAlchemy asks
    event.listen(engine, "connect", bound_waits)
    event.listen(engine, "checkout", _refuse_closed)
    return engine


def _refuse_closed(connection: Any, _record: object, _proxy: object) -> None:
    """Make a restarted server cost no refused call: the pool connects again.

    Nothing is to be read on a connection at rest but its end, so this needs no round trip.
    """
    at_rest = polling.poll()
    at_rest.register(connection.fileno(), polling.POLLIN)
    if at_rest.poll(0):
        raise InvalidatePoolError


def without_transactions(engine: Engine) -> Engine:
    """The same engine for single statements: one round trip to PostgreSQL instead of three.

    SQLite has no round trips; there a statement stands in a transaction as before.
    """
    if engine.dialect.name == "sqlite":
        return engine
    return engine.execution_options(isolation_level="AUTOCOMMIT")


def read_driver_rows(
    connection: Connection, query: Select[*tuple[Any, ...]]
) -> Sequence[Sequence[Any]]:
    """All rows of a query as tuples of the driver, which from PostgreSQL come in binary.

    For millions of rows: twice as fast as executing it, since no text is made of bytes and back.

    Args:
        connection: in a transaction.
        query: its values are written into the text, so they are our own.
    """
    compiled = query.compile(connection, compile_kwargs={"literal_binds": True})
    if connection.dialect.name == "sqlite":
        return connection.exec_driver_sql(str(compiled)).all()
    driver: Any = connection.connection.driver_connection
    errors = connection.dialect.loaded_dbapi.Error
    try:
        with driver.cursor(binary=True) as cursor:
            return cursor.execute(str(compiled)).fetchall()  # type: ignore[no-any-return]
    except errors as error:
        raise DBAPIError.instance(None, None, error, errors, hide_parameters=True) from None


class AuditFailure(AuditUnavailable):
    """AuditUnavailable with the reason, which is for the operator and free of patient data.

    The message stays the one for the CDS Client.
    """

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason
        self.add_note(reason)  # so that a traceback says it as well


@contextmanager
def reporting_failures() -> Iterator[None]:
    """Turn every failure of the database into AuditFailure.

    The cause is left out on purpose: messages of a database quote the row that it refused.
    """
    try:
        yield
    except SQLAlchemyError as error:
        raise AuditFailure(_describe(error)) from None
    except OSError as error:
        raise AuditFailure(
            f"the audit database file cannot be made ({error.strerror}): "
            "name one in a folder that this user may write"
        ) from None


def _describe(error: SQLAlchemyError) -> str:
    orig = error.orig if isinstance(error, DBAPIError) else None
    codes = (getattr(orig, name, None) for name in ("sqlite_errorname", "sqlstate"))
    code = next((code for code in codes if code), "without a code")
    name = type(orig or error).__name__
    return f"the audit database gave {name} ({code}): {_ADVICE.get((name, code), _ANY_OTHER)}"
