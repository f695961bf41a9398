"""One state of the log for everything that a long reader reads."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, event

from cds_service.audit.database import open_engine, reporting_failures
from cds_service.audit.models import LOG
from cds_service.audit.typed import WrongType, wrong_values

TIMEOUT_S = 3600.0  # of one statement


def open_snapshot(database_url: str, timeout_s: float = TIMEOUT_S) -> Engine:
    """An engine whose transactions see one state of the log while it is written to."""
    engine = open_engine(database_url, timeout_s=timeout_s)
    if engine.dialect.name == "postgresql":
        return engine.execution_options(isolation_level="REPEATABLE READ")
    event.listen(engine, "connect", _read_any_text)
    return engine.execution_options(sqlite_begin="BEGIN")  # takes no lock that a writer waits for


@contextmanager
def snapshot(database_url: str) -> Iterator[Connection]:
    """One state of the log, to read from.

    Raises:
        AuditFailure: the database cannot be read.
        WrongType: a value that was read is not of the type of its column; names the first one.
    """
    engine = open_snapshot(database_url)
    try:
        with reporting_failures(), engine.begin() as connection, _naming_rows(connection):
            yield connection
    finally:
        engine.dispose()


@contextmanager
def _naming_rows(connection: Connection) -> Iterator[None]:
    """What a column was read from is known where it is read, the row is not: look for it then."""
    try:
        yield
    except WrongType:
        for where, found, wanted in wrong_values(connection, LOG):
            raise WrongType(where, found, wanted) from None
        raise


def _read_any_text(connection: Any, _record: object) -> None:
    """A text that was changed to bytes that are none is another text, and no failure."""
    connection.text_factory = lambda data: data.decode(errors="backslashreplace")
