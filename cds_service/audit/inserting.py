"""Rows of several tables on their way into the database.

SQLite takes a statement a table. PostgreSQL takes all rows of all tables in one statement, which is
one round trip, and with autocommit also the whole transaction. There the checks between tables are
made at the end of the statement, on the rows of all of its parts.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Insert, Table, insert

Rows = Sequence[Mapping[str, Any]]

_TYPES: Mapping[type, str] = {str: "text", int: "bigint", bytes: "bytea"}


def insert_rows(connection: Connection, rows: Mapping[Table, Rows]) -> None:
    """Insert rows, each with all columns of its table.

    Args:
        connection: in a transaction; on PostgreSQL without one it is one of its own.
        rows: by table, those that others refer to first.
    """
    filled = {table: found for table, found in rows.items() if found}
    if connection.dialect.name != "postgresql":
        for table, found in filled.items():
            connection.execute(_insert(table), found)
    elif filled:
        _insert_at_once(connection, filled)


@cache  # to build a statement takes longer than to run it
def _insert(table: Table) -> Insert:
    return insert(table)


def _insert_at_once(connection: Connection, rows: Mapping[Table, Rows]) -> None:
    """Of one row its values, of several an array for each column: so there are few statements,
    and each gets prepared.
    """
    shape = tuple((table, len(found) > 1) for table, found in rows.items())
    values: list[Any] = []
    for table, found in rows.items():
        names = _names(table)
        values += map(found[0].get, names) if len(found) == 1 else _by_column(found, names)
    connection.exec_driver_sql(_statement(shape), tuple(values))


def _by_column(rows: Rows, names: Sequence[str]) -> list[list[Any]]:
    return [[row[name] for row in rows] for name in names]


@cache
def _names(table: Table) -> Sequence[str]:
    return [column.name for column in table.columns]


@cache
def _statement(shape: tuple[tuple[Table, bool], ...]) -> str:
    """One INSERT a table; all but the last stand beside it as WITH."""
    *beside, last = (_insertion(*one) for one in shape)
    named = ", ".join(f"new_{number} AS ({text})" for number, text in enumerate(beside))
    return f"WITH {named} {last}" if named else last


def _insertion(table: Table, is_several: bool) -> str:
    into = f"INSERT INTO {table.name} ({', '.join(_names(table))})"
    if not is_several:
        return f"{into} VALUES ({', '.join(['%s'] * len(table.columns))})"
    arrays = (f"%s::{_TYPES[column.type.python_type]}[]" for column in table.columns)
    return f"{into} SELECT * FROM unnest({', '.join(arrays)})"  # noqa: S608 - our own names
