"""One state of the log for everything that a long reader reads."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine

from cds_service.audit.database import open_engine, reporting_failures

TIMEOUT_S = 3600.0  # of one statement


def open_snapshot(database_url: str, timeout_s: float = TIMEOUT_S) -> Engine:
    """An engine whose transactions see one state of the log while it is written to."""
    engine = open_engine(database_url, timeout_s=timeout_s)
    if engine.dialect.name == "postgresql":
        return engine.execution_options(isolation_level="REPEATABLE READ")
    return engine.execution_options(sqlite_begin="BEGIN")  # takes no lock that a writer waits for


@contextmanager
def snapshot(database_url: str) -> Iterator[Connection]:
    """One state of the log, to read from.

    Raises:
        AuditFailure: the database cannot be read.
    """
    engine = open_snapshot(database_url)
    try:
        with reporting_failures(), engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()
