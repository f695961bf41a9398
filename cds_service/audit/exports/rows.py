"""Events in the order of their ids, some thousand at a time, with what is protected if asked."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, select

from cds_service.audit.ids import first_event_id
from cds_service.audit.models import EventRow, PayloadRow
from cds_service.audit.payloads import open_stored
from cds_service.audit.typed import LogAltered, read_body
from cds_service.audit.vault import DataKey, Vault

AT_ONCE = 2000  # rows
NEVER = "g"  # sorts behind every id
_PAYLOADS = select(
    PayloadRow.event_id, PayloadRow.patient, PayloadRow.period, PayloadRow.ciphertext
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Days of UTC, both of them with."""

    since: date | None = None
    until: date | None = None

    def __post_init__(self) -> None:
        if self.since and self.until and self.since > self.until:
            raise ValueError("since is behind until: name the earlier day first")

    def ids(self) -> tuple[str, str]:
        """Behind this event id, and before that one: no event has the very first id of a day."""
        first = _begin_of(self.since) if self.since else ""
        return first, _begin_of(self.until + timedelta(days=1)) if self.until else NEVER


ALL_DAYS = Span()


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """One event."""

    body: Mapping[str, Any]
    private: Mapping[str, Any] = field(default_factory=dict)  # empty: not asked for, or gone


def count_events(connection: Connection, span: Span, most: int) -> int:
    """How many events there are, counted up to `most`."""
    some = _ids(span).limit(most).subquery()
    return connection.scalar(select(func.count()).select_from(some)) or 0


def read_events(connection: Connection, span: Span, vault: Vault | None) -> Iterator[Exported]:
    """Every event of a span.

    Args:
        connection: of a snapshot.
        span: which days.
        vault: opens what is protected; None leaves it out.

    Raises:
        AuditFailure: a key does not fit.
        NotOpened: a payload is not the one of its event.
    """
    last, end = span.ids()
    query = (
        select(EventRow.event_id, EventRow.body)
        .where(EventRow.event_id > bindparam("last"), EventRow.event_id < end)
        .order_by(EventRow.event_id)
        .limit(AT_ONCE)
    )
    while rows := connection.execute(query, {"last": last}).all():
        opened = _Opened(connection, vault, [row.event_id for row in rows]) if vault else None
        for row in rows:
            private = opened.private(row.event_id) if opened else {}
            yield Exported(body=read_body(row.event_id, row.body), private=private)
        last = rows[-1].event_id


class _Opened:
    """The payloads of some events; their keys are read once, and forgotten with it."""

    def __init__(self, connection: Connection, vault: Vault, event_ids: list[str]) -> None:
        query = _PAYLOADS.where(PayloadRow.event_id.in_(event_ids))
        self._rows = {row.event_id: row for row in connection.execute(query)}
        rows = self._rows.values()
        self._patients = vault.keys_of(connection, {row.patient for row in rows if row.patient})
        self._periods = vault.keys_of_periods(
            connection, {one.period for one in rows if one.period}
        )

    def private(self, event_id: str) -> dict[str, Any]:
        """What is protected of an event; nothing when it was erased or has expired."""
        row = self._rows.get(event_id)
        if row is None:
            return {}
        keys, whose = (self._patients, row.patient) if row.patient else (self._periods, row.period)
        if whose not in keys:
            raise LogAltered(
                f"event {event_id}: the key of what is protected of it is gone, and no erasure was "
                "of it: see `lamo-cds audit verify`"
            )
        key: DataKey = keys[whose]
        return open_stored(row.ciphertext, event_id, key.key)


def _ids(span: Span) -> Select[str]:
    first, end = span.ids()
    return select(EventRow.event_id).where(EventRow.event_id > first, EventRow.event_id < end)


def _begin_of(day: date) -> str:
    return first_event_id(datetime.combine(day, time(), UTC))
