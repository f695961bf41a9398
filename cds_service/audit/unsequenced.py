"""Which events have no place in the tree yet.

Never by "id above the last one seen": a transaction with a lower id may commit later. An anti-join
finds them all; so as not to join millions of rows four times a second it begins a good while before
the newest leaf: a short while mostly, a longer one every few seconds, and now and then at the very
beginning.
"""

import time
import uuid

from sqlalchemy import ColumnElement, Connection, Select, and_, func, select

from cds_service.audit.models import EventRow, LeafRow

SOON_COMMIT_S = 5.0  # after its id was made nearly every event is committed
LATEST_COMMIT_S = 120.0  # after its id was made an event is committed, or comes with a whole search
MERGE_DELAY_S = 10.0  # within which an event has its place: the published maximum


def unsequenced(floor: str, limit: int) -> Select[str, bytes]:
    """The id and body of events without a leaf, the oldest ids first."""
    return (
        select(EventRow.event_id, EventRow.body)
        .outerjoin(LeafRow, _same_event(floor))
        .where(EventRow.event_id > floor, LeafRow.event_id.is_(None))
        .order_by(EventRow.event_id)
        .limit(limit)
    )


def search_floor(connection: Connection, before_s: float = LATEST_COMMIT_S) -> str:
    """The id behind which to look: so long before the newest leaf, and before now.

    While nothing is sequenced the floor stays where it is, so nothing ever gets out of sight.
    """
    newest = select(LeafRow.event_id).order_by(LeafRow.leaf_index.desc()).limit(1)
    event_id = connection.scalar(newest)
    if event_id is None:
        return ""
    made_ms = min(id_ms(event_id), int(time.time() * 1000))
    return str(uuid.UUID(int=max(0, made_ms - int(before_s * 1000)) << 80))


def oldest_unsequenced_s(connection: Connection, now_ms: int) -> float:
    """How many seconds ago the oldest event without a leaf was begun; 0 when there is none."""
    floor = search_floor(connection)
    query = (
        select(func.min(EventRow.event_id))
        .outerjoin(LeafRow, _same_event(floor))
        .where(EventRow.event_id > floor, LeafRow.event_id.is_(None))
    )
    event_id = connection.scalar(query)
    return 0.0 if event_id is None else max(0.0, (now_ms - id_ms(event_id)) / 1000)


def count_unsequenced(connection: Connection, most: int) -> int:
    """How many events have no leaf yet, counted up to `most`."""
    waiting = unsequenced(search_floor(connection), most).with_only_columns(EventRow.event_id)
    return connection.scalar(select(func.count()).select_from(waiting.subquery())) or 0


def id_ms(event_id: str) -> int:
    """When a UUIDv7 was made, in milliseconds since 1970; 0 for an id that is none of ours."""
    try:
        return int(event_id[:8] + event_id[9:13], 16)
    except ValueError:
        return 0


def _same_event(floor: str) -> ColumnElement[bool]:
    """The floor on both sides, so that neither table is read from its beginning."""
    return and_(LeafRow.event_id == EventRow.event_id, LeafRow.event_id > floor)
