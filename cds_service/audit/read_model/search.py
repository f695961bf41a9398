"""Searching events: newest first, page by page, each page from the ends of a few indexes.

Which index leads is decided by what is asked for, the rarest first: an event or card, a request, a
patient, a prescriber, a rule or medication, and else the groups alone. Within an index the newest
events of each group that fits are read and merged, so a page costs (groups x rows of a page) at
most, however many events there are.
"""

import json
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time, timedelta
from itertools import chain

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    exists,
    func,
    select,
    true,
)
from sqlalchemy.orm import InstrumentedAttribute

from cds_service.audit.ids import first_event_id
from cds_service.audit.models import CardRow, FeedbackRow
from cds_service.audit.read_model.search_rows import About, Group, term
from cds_service.audit.read_model.search_tables import GroupRow, SearchRow, TermRow

PAGE_ROWS = 50
MOST_CHARACTERS = 255
COMMON = 20_000  # events of one prescriber from which a rule or medication leads in their place
MOST_REPORTS = 1000  # of one card
OF_GROUPS = ("client", "service_id", "hook", "outcome", "model", "detail")


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is searched for; None filters nothing.

    Raises:
        ValueError: something can match nothing; the message is for the person who typed it.
    """

    kinds: Collection[str]  # only these
    client: str | None = None
    service_id: str | None = None
    hook: str | None = None
    outcome: str | None = None
    model: str | None = None  # name and version
    detail: str | None = None  # a page, a change or an error
    patient: str | None = None  # the pid
    user_ref: str | None = None  # the prescriber, or the account
    request_id: str | None = None
    rule: str | None = None
    rxcui: str | None = None
    card: str | None = None  # uuid: its decision, and what was said of it
    event_id: str | None = None
    first_day: date | None = None  # in UTC
    last_day: date | None = None

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            if isinstance(value, str) and not 0 < len(value) <= MOST_CHARACTERS:
                raise ValueError(
                    f"{one.name}: found {len(value)} characters, wanted 1 to {MOST_CHARACTERS}"
                )
        if self.event_id is not None:
            _uuid(self.event_id)
        if not all(1970 <= day.year <= 9998 for day in (self.first_day, self.last_day) if day):
            raise ValueError("a day is outside of the years 1970 to 9998")
        if self.first_day and self.last_day and self.first_day > self.last_day:
            raise ValueError("the first day is after the last: give them the other way around")


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundRow:
    """One line of the results."""

    event_id: str
    group: Group
    recorded_at: str  # RFC 3339 in UTC
    user_ref: str | None
    patient: str | None  # the pid
    card_count: int
    about: Sequence[About]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some rows, newest first."""

    rows: Sequence[FoundRow]
    older: str | None  # the cursor of the next page; None when this is the last


def find(
    connection: Connection, search: Search, before: str | None = None, limit: int = PAGE_ROWS
) -> Page:
    """Find events, newest first.

    What is committed while somebody pages is newer than what they see, so no row comes twice and
    none of those that were there is left out.

    Args:
        connection: to read by.
        search: what is searched for.
        before: the cursor of the page before.
        limit: rows of a page.

    Raises:
        ValueError: the cursor is none.
    """
    if before is not None:
        before = _uuid(before)
    groups = _groups(connection, search)
    ids = _newest(connection, search, before, groups, limit + 1) if groups else []
    rows = _rows(connection, ids[:limit], groups)
    return Page(rows=rows, older=ids[limit - 1] if len(ids) > limit else None)


def values_of(connection: Connection, kinds: Collection[str]) -> Mapping[str, Sequence[str]]:
    """What the events of some kinds have in the columns of groups, for a form to choose from."""
    columns = [getattr(GroupRow, name) for name in ("kind", *OF_GROUPS)]
    rows = connection.execute(select(*columns).where(GroupRow.kind.in_(kinds))).mappings().all()
    names = ("kind", *OF_GROUPS)
    return {name: sorted({row[name] for row in rows if row[name]}) for name in names}


def _uuid(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise ValueError(
            "an event id is a UUID of 36 characters: copy one from the list of events"
        ) from None


def _groups(connection: Connection, search: Search) -> Mapping[int, Group]:
    query = select(GroupRow.group_id, *(getattr(GroupRow, name) for name in Group._fields))
    query = query.where(GroupRow.kind.in_(search.kinds))
    for name in OF_GROUPS:
        value = getattr(search, name)
        if value is not None:
            query = query.where(getattr(GroupRow, name) == value)
    return {number: Group(*group) for number, *group in connection.execute(query)}


def _rows(
    connection: Connection, event_ids: Sequence[str], groups: Mapping[int, Group]
) -> Sequence[FoundRow]:
    query = select(*SearchRow.__table__.columns).where(SearchRow.event_id.in_(event_ids))
    found = connection.execute(query.order_by(SearchRow.event_id.desc()))
    return [
        FoundRow(
            event_id=row.event_id,
            group=groups[row.group_id],
            recorded_at=row.recorded_at,
            user_ref=row.user_ref,
            patient=row.patient,
            card_count=row.card_count,
            about=[(rule, rxcui, shown) for rule, rxcui, shown in json.loads(row.about)],
        )
        for row in found
    ]


def _newest(
    connection: Connection,
    search: Search,
    before: str | None,
    groups: Collection[int],
    limit: int,
) -> Sequence[str]:
    """The ids of the newest events that fit, from these groups."""
    named = _named(connection, search)
    if named is not None or search.request_id is not None:
        query = _from_rows(search).where(SearchRow.group_id.in_(groups))
        if named is not None:
            query = query.where(SearchRow.event_id.in_(named))
        query = query.where(*_between(search, before, SearchRow.event_id))
        return connection.scalars(query.order_by(SearchRow.event_id.desc()).limit(limit)).all()
    table: type[SearchRow | TermRow] = SearchRow
    query = _from_rows(search)
    if _term_leads(connection, search):
        table, query = TermRow, _from_terms(search)
    query = query.where(*_between(search, before, table.event_id))
    query = query.order_by(table.event_id.desc()).limit(limit)
    return _merged(connection, query, table, groups, limit)


def _merged(
    connection: Connection,
    query: Select[str],
    table: type[SearchRow | TermRow],
    groups: Collection[int],
    limit: int,
) -> Sequence[str]:
    """The newest of the newest of each group."""
    if connection.dialect.name == "postgresql":
        each = query.where(table.group_id == GroupRow.group_id).lateral()
        newest = select(each.c.event_id).select_from(GroupRow).join(each, true())
        newest = newest.where(GroupRow.group_id.in_(groups))
        return connection.scalars(newest.order_by(each.c.event_id.desc()).limit(limit)).all()
    of_group = query.where(table.group_id == bindparam("of_group"))
    found = [connection.scalars(of_group, {"of_group": group}).all() for group in groups]
    return sorted(chain.from_iterable(found), reverse=True)[:limit]


def _named(connection: Connection, search: Search) -> set[str] | None:
    """The events that an event id or a card name; None when neither is asked for."""
    if search.card is None:
        return None if search.event_id is None else {_uuid(search.event_id)}
    decisions = select(CardRow.event_id).where(CardRow.card_uuid == search.card)
    feedback = select(FeedbackRow.event_id).where(FeedbackRow.card_uuid == search.card)
    found = {*connection.scalars(decisions), *connection.scalars(feedback.limit(MOST_REPORTS))}
    return found if search.event_id is None else found & {_uuid(search.event_id)}


def _term_leads(connection: Connection, search: Search) -> bool:
    """A patient has few events, and most prescribers have."""
    if (search.rule is None and search.rxcui is None) or search.patient is not None:
        return False
    if search.user_ref is None:
        return True
    few = select(SearchRow.event_id).where(SearchRow.user_ref == search.user_ref).limit(COMMON)
    return connection.scalar(select(func.count()).select_from(few.subquery())) == COMMON


def _from_rows(search: Search) -> Select[str]:
    query = select(SearchRow.event_id).where(*_of_row(search))
    if search.rule is None and search.rxcui is None:
        return query
    is_about = and_(
        TermRow.term == term(search.rule, search.rxcui),
        TermRow.group_id == SearchRow.group_id,
        TermRow.event_id == SearchRow.event_id,
    )
    return query.where(exists().where(is_about))


def _from_terms(search: Search) -> Select[str]:
    query = select(TermRow.event_id).where(TermRow.term == term(search.rule, search.rxcui))
    if conditions := _of_row(search):
        fits = and_(SearchRow.event_id == TermRow.event_id, *conditions)
        query = query.where(exists().where(fits))
    return query


def _of_row(search: Search) -> Sequence[ColumnElement[bool]]:
    return [
        getattr(SearchRow, name) == getattr(search, name)
        for name in ("patient", "user_ref", "request_id")
        if getattr(search, name) is not None
    ]


def _between(
    search: Search, before: str | None, event_id: InstrumentedAttribute[str]
) -> Sequence[ColumnElement[bool]]:
    """Ids sort by time, so days and pages are both a part of the index."""
    conditions = [event_id < before] if before is not None else []
    if search.first_day is not None:
        conditions.append(event_id >= first_event_id(_begin(search.first_day)))
    if search.last_day is not None:
        conditions.append(event_id < first_event_id(_begin(search.last_day + timedelta(days=1))))
    return conditions


def _begin(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)
