"""Rows in bulk: what the product's own functions insert is gathered, then copied in one go."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, cast

from sqlalchemy import Column, Connection, Dialect, Engine, Insert, Table, insert

from cds_service.audit.models import Base

Rows = Sequence[Mapping[str, Any]]
_BINARY_TYPES = {"VARCHAR": "varchar", "INTEGER": "int4", "BIGINT": "int8", "BYTEA": "bytea"}


class Bulk:
    """Stands where a function of the product takes a connection to insert by."""

    def __init__(self, engine: Engine) -> None:
        """Take the engine; every flush is a transaction of its own."""
        self._engine = engine
        self._rows: dict[str, list[Mapping[str, Any]]] = defaultdict(list)

    def as_connection(self) -> Connection:
        """For a function that calls nothing of it but `execute` with an insert and its rows."""
        return cast(Connection, self)

    def execute(self, statement: Insert, rows: Rows) -> None:
        """Gather the rows of an insert."""
        self._rows[cast(Table, statement.table).name] += rows

    def flush(self) -> None:
        """Insert everything that was gathered, each table after those that it refers to."""
        with self._engine.begin() as connection:
            for table in Base.metadata.sorted_tables:
                if rows := self._rows.pop(table.name, []):
                    _insert(connection, table, rows)


class _Nothing:
    """A database in which nothing is found."""

    def execute(self, *_: object) -> "_Nothing":
        return self

    def one_or_none(self) -> None:
        return None


def nothing_known() -> Connection:
    """For a function that looks for a key first, and makes one when there is none."""
    return cast(Connection, _Nothing())


def _insert(connection: Connection, table: Table, rows: Rows) -> None:
    if connection.dialect.name == "sqlite":
        connection.execute(insert(table), rows)
        return
    names = [name for name in table.columns.keys() if name in rows[0]]
    listed = ", ".join(names)
    cursor = cast(Any, connection.connection).cursor()  # of psycopg, which alone can copy
    with cursor.copy(f"COPY {table.name} ({listed}) FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types([_binary_type(table.columns[name], connection.dialect) for name in names])
        for row in rows:
            copy.write_row([row[name] for name in names])


def _binary_type(column: Column[Any], dialect: Dialect) -> str:
    named = column.type.compile(dialect=dialect)
    return _BINARY_TYPES[named.partition("(")[0]]
