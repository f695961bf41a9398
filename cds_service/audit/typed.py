"""What is read of the log's tables is of the type of its column, or the reading ends.

PostgreSQL sees to that itself. SQLite keeps any value in any column, so whoever owns the file can
put a text where bytes stand. Read by the service, such a value is refused in words (`Strict`); a
verification names every one, and reads on past them (`wrong_values`, `pass_over`).
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Dialect,
    LargeBinary,
    Table,
    UniqueConstraint,
    text,
    type_coerce,
)
from sqlalchemy.types import NullType, TypeDecorator, TypeEngine

from cds_service.audit.database import AuditFailure, NoText

_STORED: Mapping[type, str] = {
    bytes: "blob",
    str: "text",
    int: "integer",
    float: "real",
    NoText: "text that is no UTF-8",
}


class LogAltered(AuditFailure):
    """What is stored cannot have been written by the service: somebody changed the database."""


class WrongType(LogAltered):
    """A stored value is not of the type of its column: somebody changed the file from outside."""

    def __init__(self, where: str, found: str, wanted: str) -> None:
        """Say where: the table and column, and the row where that is known."""
        super().__init__(
            f"{told_of(where, found, wanted)}: the audit database was changed from outside. "
            "`lamo-cds audit verify` names every such row; give them back from a backup"
        )


def told_of(where: str, found: str, wanted: str) -> str:
    """A value of a wrong type in words, without the value."""
    return f"{where} holds {found}, wanted {wanted}"


def parsed(data: bytes | None) -> dict[str, Any] | None:
    """A stored body; None for what is none any more, which `lamo-cds audit verify` tells."""
    try:
        body = json.loads(data or b"null")
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def read_body(event_id: str, data: bytes) -> dict[str, Any]:
    """A stored body.

    Raises:
        LogAltered: it is none any more.
    """
    body = parsed(data)
    if body is None:
        raise LogAltered(
            f"event {event_id}: its bytes are no event any more: the audit database was changed "
            "from outside. `lamo-cds audit verify` names what was; give it back from a backup"
        )
    return body


class Strict(TypeDecorator[Any]):
    """The type of a column, whose values are read as they should be or not at all."""

    impl: TypeEngine[Any] | type[TypeEngine[Any]] = LargeBinary  # or the column's own
    cache_ok = True

    def __init__(self, own: TypeEngine[Any], where: str) -> None:
        """Take the type, and the table and column for the message."""
        self.impl = self.own = own
        self.where = where

    @property
    def python_type(self) -> type[Any]:
        """That of the column's own type."""
        return self.own.python_type

    def process_result_value(self, value: Any | None, dialect: Dialect) -> Any | None:
        """The value; a row that is not there has none."""
        if value is not None and type(value) is not self.python_type and dialect.name == "sqlite":
            found = _STORED.get(type(value), "another type")
            raise WrongType(self.where, found, _STORED[self.python_type])
        return value


def make_strict(tables: Iterable[Table]) -> None:
    """Have every column of some tables read strictly."""
    for table in tables:
        for column in table.columns:
            column.type = Strict(column.type, f"{table.name}.{column.name}")


def wrong_values(connection: Connection, tables: Iterable[Table]) -> Iterator[tuple[str, str, str]]:
    """Every value of another type: where it stands, what it is, and what is wanted."""
    if connection.dialect.name != "sqlite":
        return
    for table in tables:
        types = {column: f"typeof({column.name})" for column in table.columns}
        wrong = " OR ".join(f"NOT {_fits(column)}" for column in table.columns)
        for where, column, found in _values(connection, table, types, wrong):
            if found not in _accepted(column):
                yield where, found, _accepted(column)[0]


def wrong_texts(connection: Connection, tables: Iterable[Table]) -> Iterator[tuple[str, str, str]]:
    """Every text that is no UTF-8, told alike; the connection reads any: see snapshot.py."""
    if connection.dialect.name != "sqlite":
        return
    for table in tables:
        stored = {
            column: f"iif(typeof({column.name}) = 'text', {_bytes(column)}, x'')"
            for column in table.columns
            if column.type.python_type is str
        }
        odd = " OR ".join(map(_is_odd, stored)) or "false"
        for where, _, data in _values(connection, table, stored, odd):
            if not _is_utf8(data):
                yield where, _STORED[NoText], "text"


def as_stored(column: Any) -> Any:
    """A column that is read whatever its values are, each to be looked at with `misfit`."""
    return type_coerce(column, NullType())


def misfit(column: Any, value: Any) -> str | None:
    """What is wrong with the type of a value of a column, in words; None where it fits."""
    wanted = column.type.python_type
    if type(value) is wanted:
        return None
    return told_of(column.name, _STORED.get(type(value), "another type"), _STORED[wanted])


def pass_over(connection: Connection, tables: Iterable[Table]) -> None:
    """Have this connection read values of the wanted types alone.

    Of a row whose name or link is of another type nothing is seen, as if it were not there; any
    other value is taken for what its bytes are in the wanted type. For a log that was changed.
    """
    for table in tables:
        names = _names(table)
        read = [column.name if column.name in names else _cast(column) for column in table.columns]
        fits = " AND ".join(_fits(column) for column in table.columns if column.name in names)
        # a view of the connection's own, which stands before the table of the same name
        view = f"CREATE TEMP VIEW {table.name} AS SELECT {', '.join(read)}"
        connection.execute(text(f"{view} FROM main.{table.name} WHERE {fits}"))


def _names(table: Table) -> set[str]:
    """Columns that rows are found by: a cast of them would find them slowly."""
    unique = [one for one in table.constraints if isinstance(one, UniqueConstraint)]
    found = {column.name for one in unique for column in one.columns}
    return found | {one.name for one in table.columns if one.primary_key or one.foreign_keys}


def _values(
    connection: Connection, table: Table, wanted: Mapping[Column[Any], str], where: str
) -> Iterator[tuple[str, Column[Any], Any]]:
    """What is wanted of some columns in the rows of a condition: its row and column, and it."""
    names = [f"quote({column.name})" for column in table.primary_key]
    read = ", ".join([*names, *wanted.values()])
    query = f"SELECT {read} FROM {table.name} WHERE {where}"  # noqa: S608 - our own names
    for row in connection.exec_driver_sql(query):
        key = ", ".join(row[: len(names)]).replace("'", "")
        for column, value in zip(wanted, row[len(names) :], strict=True):
            yield f"{table.name} {key}: {column.name}", column, value


def _bytes(column: Column[Any]) -> str:
    return f"CAST({column.name} AS BLOB)"


def _is_odd(column: Column[Any]) -> str:
    """Whether a text has more in it than ASCII, or a NUL, which SQLite's functions stop at."""
    return f"{column.name} GLOB '*[^ -~]*' OR length({column.name}) <> length({_bytes(column)})"


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _accepted(column: Column[Any]) -> tuple[str, ...]:
    wanted = _STORED[column.type.python_type]
    return (wanted, "null") if column.nullable else (wanted,)


def _fits(column: Column[Any]) -> str:
    return f"typeof({column.name}) IN {_in_words(_accepted(column))}"


def _in_words(types: tuple[str, ...]) -> str:
    return "(" + ", ".join(f"'{one}'" for one in types) + ")"


def _cast(column: Column[Any]) -> str:
    kind = _STORED[column.type.python_type].upper()
    value = column.name if column.nullable else f"coalesce({column.name}, '')"
    return f"CAST({value} AS {kind}) AS {column.name}"
