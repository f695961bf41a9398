"""Keeps the tables that are searched."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select, tuple_

from cds_service.audit.models import Base, EventRow
from cds_service.audit.read_model.bulk import insert_rows
from cds_service.audit.read_model.following import Comparison, Followed, Projection
from cds_service.audit.read_model.search_rows import Bodies, Derived, Group, derive, refers_to
from cds_service.audit.read_model.search_tables import GroupRow, SearchRow, TermRow
from cds_service.audit.typed import parsed

_GROUPS = [getattr(GroupRow, name) for name in Group._fields]
TERMS_AT_ONCE = 2000  # of three parameters each


class SearchProjection:
    """One row for every event, some for what it is about, and one for every new group."""

    name = "search"
    tables: Sequence[type[Base]] = (TermRow, SearchRow, GroupRow)

    def apply(self, connection: Connection, events: Sequence[Followed]) -> None:
        """See Projection."""
        derived = _derived(connection, events)
        groups = groups_of(connection)
        new = dict.fromkeys(one.group for one in derived if one.group not in groups)
        begin = max(groups.values(), default=0) + 1
        numbered = {group: number for number, group in enumerate(new, begin)}
        rows = [{"group_id": at, **one._asdict()} for one, at in numbered.items()]
        insert_rows(connection, GroupRow, rows)
        _insert(connection, derived, groups | numbered)

    def comparison(self) -> Comparison:
        """See Comparable."""
        return SearchComparison()


class SearchComparison:
    """Compares the rows of events with what their bytes say."""

    def __init__(self) -> None:
        self.rows = Counter({SearchRow.__tablename__: 0, TermRow.__tablename__: 0})

    def see(self, connection: Connection, events: Sequence[Followed]) -> Iterator[str]:
        """See Comparison."""
        derived = _derived(connection, events)
        self.rows[SearchRow.__tablename__] += len(derived)
        self.rows[TermRow.__tablename__] += sum(len(one.terms) for one in derived)
        numbers = groups_of(connection)
        rows = _rows(connection, [one.row["event_id"] for one in derived])
        terms = _terms(connection, derived, numbers)
        for one in derived:
            event_id = one.row["event_id"]
            if event_id not in rows:
                yield f"event {event_id}: cannot be found"
            elif rows[event_id] != {**one.row, "group_id": numbers.get(one.group)}:
                yield f"event {event_id}: is found as what its bytes do not say"
            elif not {(term, event_id) for term in one.terms} <= terms:
                yield f"event {event_id}: cannot be found by a rule or a medication"


def _derived(connection: Connection, events: Sequence[Followed]) -> Sequence[Derived]:
    others = _others(connection, events)
    return [found for event in events if (found := derive(event, others)) is not None]


def _others(connection: Connection, events: Sequence[Followed]) -> Bodies:
    here = {event.event_id: event.body for event in events}
    missing = {other for event in events if (other := refers_to(event.body)) and other not in here}
    if not missing:
        return here
    query = select(EventRow.event_id, EventRow.body).where(EventRow.event_id.in_(missing))
    read = {row.event_id: parsed(row.body) or {} for row in connection.execute(query)}
    return here | read


def groups_of(connection: Connection) -> dict[Group, int]:
    """The number of each combination that there is."""
    rows = connection.execute(select(GroupRow.group_id, *_GROUPS))
    return {Group(*group): number for number, *group in rows}


def _rows(connection: Connection, event_ids: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
    query = select(*SearchRow.__table__.columns).where(SearchRow.event_id.in_(event_ids))
    return {row["event_id"]: dict(row) for row in connection.execute(query).mappings()}


def _terms(
    connection: Connection, derived: Sequence[Derived], numbers: Mapping[Group, int]
) -> set[tuple[int, str]]:
    wanted = [
        (term, numbers.get(one.group, 0), one.row["event_id"])
        for one in derived
        for term in one.terms
    ]
    key = tuple_(TermRow.term, TermRow.group_id, TermRow.event_id)
    query = select(TermRow.term, TermRow.event_id)
    found: set[tuple[int, str]] = set()
    for begin in range(0, len(wanted), TERMS_AT_ONCE):
        part = wanted[begin : begin + TERMS_AT_ONCE]
        rows = connection.execute(query.where(key.in_(part)))
        found.update((row.term, row.event_id) for row in rows)
    return found


def _insert(
    connection: Connection, derived: Sequence[Derived], groups: Mapping[Group, int]
) -> None:
    rows = [{"group_id": groups[one.group], **one.row} for one in derived]
    terms = [
        {"term": term, "group_id": groups[one.group], "event_id": one.row["event_id"]}
        for one in derived
        for term in one.terms
    ]
    insert_rows(connection, SearchRow, rows)
    insert_rows(connection, TermRow, terms)


SEARCH: Projection = SearchProjection()
