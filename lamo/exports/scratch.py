"""A database for the time of one reading, which sorts what does not fit in memory."""

import sqlite3
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

_CACHE_KIB = 128 * 1024  # of pages, for sorting too
_BATCH = 5_000  # rows; one of them may hold a whole note


def open_scratch(path: Path) -> sqlite3.Connection:
    """A database that is thrown away: no journal, no waiting for the disk, bounded memory."""
    db = sqlite3.connect(path, isolation_level=None)
    db.executescript(
        f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE;"
        f"PRAGMA temp_store = FILE; PRAGMA cache_size = -{_CACHE_KIB};"
    )
    return db


def add_rows(db: sqlite3.Connection, insert: str, rows: Iterable[tuple[object, ...]]) -> None:
    """Insert rows in batches, each one transaction."""
    for batch in _batches(rows):
        db.execute("BEGIN")
        db.executemany(insert, batch)
        db.execute("COMMIT")


def _batches(rows: Iterable[tuple[object, ...]]) -> Iterator[list[tuple[object, ...]]]:
    """Lists of rows; a generator handed to SQLite itself would hide the errors that it raises."""
    iterator = iter(rows)
    while batch := list(islice(iterator, _BATCH)):
        yield batch
