"""Many rows into one table at once."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Insert, bindparam, func, insert, select
from sqlalchemy.dialects.postgresql import ARRAY

from cds_service.audit.models import Base


def insert_rows(
    connection: Connection, table: type[Base], rows: Sequence[Mapping[str, Any]]
) -> None:
    """Insert rows that have every column; on PostgreSQL some five times as fast as one by one."""
    if not rows:
        return
    if connection.dialect.name != "postgresql":
        connection.execute(insert(table), rows)
        return
    names = table.__table__.columns.keys()
    connection.execute(_from_arrays(table), {name: [row[name] for row in rows] for name in names})


@cache
def _from_arrays(table: type[Base]) -> Insert:
    """One array a column: one statement with as many parameters as the table has columns."""
    columns = table.__table__.columns
    arrays = [bindparam(column.name, type_=ARRAY(column.type)) for column in columns]
    rows = func.unnest(*arrays).table_valued(*columns.keys()).render_derived()
    return insert(table).from_select(columns.keys(), select(rows))
