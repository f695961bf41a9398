"""Following the tree: every event is applied to every projection once, in the order of leaves.

Leaves are numbered without gaps and in the order of their commits, so whatever is new stands at or
above the first leaf that was not seen. What a projection writes and how far it has come are one
transaction: a process that is killed has done both or neither.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Protocol, runtime_checkable

from sqlalchemy import Connection, Engine, bindparam, delete, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from cds_service.audit.models import Base, EventRow, LeafRow
from cds_service.audit.read_model.tables import ProjectionRow
from cds_service.audit.typed import parsed

AT_MOST = 500  # events in one transaction: on SQLite, hook calls wait for its end


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """One event that has its place in the tree."""

    leaf_index: int
    event_id: str
    body: Mapping[str, Any] = field(repr=False)  # see bodies.py; shared, so not to be changed


class Projection(Protocol):
    """Derives tables from events."""

    @property
    def name(self) -> str:
        """What `lamo-cds audit reindex` calls it; never changed."""

    @property
    def tables(self) -> Sequence[type[Base]]:
        """What it fills, the tables that refer to others first; cleared before it is rebuilt."""

    def apply(self, connection: Connection, events: Sequence[Followed]) -> None:
        """Add events, each of which comes once, in the order of leaves.

        Whatever kind an event has, and whatever an older release left out of its body, must not
        raise: the projection would never get past it.

        Args:
            connection: in the transaction that counts the events as seen.
            events: of any kind; never none.
        """


class Comparison(Protocol):
    """Compares what a projection has derived of some events with what it should have."""

    rows: Counter[str]  # that there should be of the events seen, by table

    def see(self, connection: Connection, events: Sequence[Followed]) -> Iterator[str]:
        """Say what does not fit of these events; they come as they do to `apply`."""


@runtime_checkable
class Comparable(Protocol):
    """A projection that `lamo-cds audit verify` can compare in about the time of a rebuild."""

    name: str

    def comparison(self) -> Comparison:
        """A new one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What stands in some leaves."""

    end: int  # the leaf behind the last one
    events: Sequence[Followed]  # those that can be read


def follow(engine: Engine, projections: Sequence[Projection], at_most: int = AT_MOST) -> int:
    """Bring projections further, each by so many leaves at the most.

    Those that have come equally far share one reading and one transaction. A new one begins at
    leaf 0, and holds up none of the others.

    Args:
        engine: that may write, as open_engine makes it.
        projections: with names of their own.
        at_most: leaves in one transaction.

    Returns:
        How many leaves the one that moved most has moved; 0 when there is nothing new, or
        another process was faster.

    Raises:
        SQLAlchemyError: the database does not do its part; what was committed stands.
    """
    places = places_of(engine, projections)
    ordered = sorted(projections, key=lambda one: places[one.name])
    moved = 0
    for place, group in groupby(ordered, key=lambda one: places[one.name]):
        with _reading(engine).begin() as connection:
            batch = read_leaves(connection, place, at_most)
        if batch.end > place and _apply(engine, list(group), place, batch):
            moved = max(moved, batch.end - place)
    return moved


def places_of(engine: Engine, projections: Sequence[Projection]) -> dict[str, int]:
    """The first leaf that each has not seen, by name."""
    with _reading(engine).begin() as connection:
        return places_in(connection, projections)


def places_in(connection: Connection, projections: Sequence[Projection]) -> dict[str, int]:
    """As places_of, within a transaction."""
    rows = connection.execute(select(ProjectionRow.name, ProjectionRow.next_leaf))
    known = {row.name: row.next_leaf for row in rows}
    return {one.name: known.get(one.name, 0) for one in projections}


def read_leaves(connection: Connection, begin: int, at_most: int) -> Batch:
    """The events of the next leaves; what is no event any more is left out."""
    rows = connection.execute(_LEAVES, {"begin": begin, "at_most": at_most}).all()
    events = [
        Followed(leaf_index=row.leaf_index, event_id=row.event_id, body=body)
        for row in rows
        if (body := parsed(row.body)) is not None
    ]
    return Batch(end=rows[-1].leaf_index + 1 if rows else begin, events=events)


def clear(engine: Engine, projection: Projection) -> None:
    """Forget everything that a projection has derived; it begins anew at leaf 0."""
    with engine.begin() as connection:
        _begin(connection, [projection.name])
        connection.execute(_REWIND, {"of": projection.name})
        for table in projection.tables:
            if connection.dialect.name == "postgresql":  # where deleting leaves dead rows behind
                connection.execute(text(f"TRUNCATE {table.__tablename__}"))
            else:
                connection.execute(delete(table))


_REWIND = update(ProjectionRow).where(ProjectionRow.name == bindparam("of")).values(next_leaf=0)
_MOVE = (
    update(ProjectionRow)
    .where(ProjectionRow.name == bindparam("of"), ProjectionRow.next_leaf == bindparam("begin"))
    .values(next_leaf=bindparam("end"))
)
_LEAVES = (
    select(LeafRow.leaf_index, LeafRow.event_id, EventRow.body)
    .outerjoin(EventRow, EventRow.event_id == LeafRow.event_id)
    .where(LeafRow.leaf_index >= bindparam("begin"))
    .order_by(LeafRow.leaf_index)
    .limit(bindparam("at_most"))
)


def _reading(engine: Engine) -> Engine:
    """Transactions that, on SQLite, hold up no writer."""
    return engine.execution_options(sqlite_begin="BEGIN")


def _apply(engine: Engine, group: Sequence[Projection], begin: int, batch: Batch) -> bool:
    """Whether it was done: not when another process has moved one of them in the meantime."""
    names = [one.name for one in group]
    with engine.connect() as connection, connection.begin() as transaction:
        if begin == 0:
            _begin(connection, names)
        # moved first: whoever else wants to waits for this row, and then finds it elsewhere
        for name in sorted(names):
            moved = {"of": name, "begin": begin, "end": batch.end}
            if connection.execute(_MOVE, moved).rowcount != 1:
                transaction.rollback()
                return False
        if batch.events:
            for projection in group:
                projection.apply(connection, batch.events)
    return True


def _begin(connection: Connection, names: Sequence[str]) -> None:
    """See that each has its row."""
    rows = [{"name": name, "next_leaf": 0} for name in sorted(names)]
    if connection.dialect.name == "postgresql":
        connection.execute(postgresql.insert(ProjectionRow).on_conflict_do_nothing(), rows)
    else:
        connection.execute(sqlite.insert(ProjectionRow).on_conflict_do_nothing(), rows)
