"""Table `payload` on PostgreSQL in one partition a month, so that what expires goes as a whole.

Ids begin with the time, so a month is a range of ids. Events themselves never expire, nor do leaves
and heads: their tables are not parted. Rows of no month that has a partition stand in
`payload_default`; they are moved when their month is made.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from sqlalchemy import Connection, text

from cds_service.audit.ids import first_event_id

AHEAD = 24  # months
_NAMES = text(
    "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid "
    "WHERE inhparent = 'payload'::regclass AND relname ~ '^payload_[0-9]{4}_[0-9]{2}$' "
    "ORDER BY relname"
)
_OWNER = (
    "SELECT quote_ident(pg_get_userbyid(relowner)) FROM pg_class WHERE oid = 'payload'::regclass"
)


def make_partitions(connection: Connection, now: datetime, ahead: int = AHEAD) -> None:
    """Make the partitions of this month and of so many to come, those that are missing.

    Args:
        connection: in a transaction, of the owner of the tables.
        now: the moment.
        ahead: how many months to come.
    """
    there = set(connection.scalars(_NAMES))
    for month in months(now, ahead + 1):
        if _name(month) not in there:
            _make(connection, month)


def months(first: datetime, count: int) -> Iterator[datetime]:
    """The beginning of the month of a moment, and of those that follow."""
    number = first.year * 12 + first.month - 1
    for one in range(number, number + count):
        yield datetime(one // 12, one % 12 + 1, 1, tzinfo=UTC)


def rows_without_month(connection: Connection) -> int:
    """How many payloads no partition of a month has taken."""
    return int(connection.execute(text("SELECT count(*) FROM payload_default")).scalar_one())


def drop_expired(connection: Connection, before: datetime) -> None:
    """Drop the partitions of whole months before a moment in which nothing is held.

    Args:
        connection: in a transaction, of the owner of the tables.
        before: what is younger stays.
    """
    for name in connection.scalars(_NAMES).all():
        _, end = _bounds(_month(name))
        if end > first_event_id(before):
            return
        held = text(f"SELECT 1 FROM {name} JOIN hold ON hold.subject = patient LIMIT 1")  # noqa: S608 - of _NAMES
        if connection.execute(held).first() is None:
            connection.execute(text(f"DROP TABLE {name}"))


def _make(connection: Connection, month: datetime) -> None:
    """Beside the table first, with the rows of it that wait elsewhere; then attached."""
    name, (begin, end) = _name(month), _bounds(month)
    for statement in (
        f"CREATE TABLE {name} (LIKE payload INCLUDING DEFAULTS INCLUDING CONSTRAINTS)",
        f"WITH moved AS (DELETE FROM payload_default WHERE event_id >= '{begin}' "  # noqa: S608
        f"AND event_id < '{end}' RETURNING *) INSERT INTO {name} SELECT * FROM moved",
        f"ALTER TABLE payload ATTACH PARTITION {name} FOR VALUES FROM ('{begin}') TO ('{end}')",
    ):
        connection.execute(text(statement))
    # whoever makes it may be another member of the owning role
    owner = connection.scalar(text(_OWNER))
    connection.execute(text(f"ALTER TABLE {name} OWNER TO {owner}"))


def _name(month: datetime) -> str:
    return f"payload_{month:%Y_%m}"


def _month(name: str) -> datetime:
    return datetime.strptime(name, "payload_%Y_%m").replace(tzinfo=UTC)


def _bounds(month: datetime) -> tuple[str, str]:
    begin, end = months(month, 2)
    return first_event_id(begin), first_event_id(end)
