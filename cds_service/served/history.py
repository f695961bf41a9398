"""One event for each change of what is served, however many processes and hosts start with it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select

from cds_service.audit.entries import OPERATOR, AdministrationEntry
from cds_service.audit.ids import new_event_id
from cds_service.audit.log import AuditLog
from cds_service.audit.models import EventRow
from cds_service.served.models import ServedRow

ACTION = "model-change"
NAMED = ("name", "version")  # of the artifact: the subject of the event
MOST = 100  # changes that are read


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change of what is served."""

    number: int
    event_id: str
    at: str  # RFC 3339 in UTC
    before: Mapping[str, Any]  # empty at the first start
    after: Mapping[str, Any]

    @property
    def parts(self) -> tuple[str, ...]:
        """The names of what is not as it was."""
        names = sorted({**self.before, **self.after})
        return tuple(one for one in names if self.before.get(one) != self.after.get(one))


class _SameAsBefore(Exception):  # noqa: N818 - a situation: another process was quicker
    pass


def record_served(log: AuditLog, identity: Mapping[str, Any]) -> bool:
    """Record what is served, where that is not what was recorded last.

    Args:
        log: the audit log.
        identity: from `service_identity`.

    Returns:
        Whether it had changed. Of several that start at once, it has for one.

    Raises:
        AuditUnavailable: the database does not do its part.
    """
    last = next(iter(log.read(read_changes)), None)
    before = last.after if last else {}
    if dict(before) == dict(identity):
        return False
    number = last.number + 1 if last else 1
    entry = AdministrationEntry(
        event_id=new_event_id(),
        request_id=None,
        user=OPERATOR,
        action=ACTION,
        subject=" ".join(str(identity[name]) for name in NAMED),
        details={"from": before, "to": identity},
    )

    def claim(connection: Connection) -> None:
        """Take the number; whoever comes second waits here, and finds it taken."""
        if connection.scalar(select(ServedRow.number).where(ServedRow.number == number)):
            raise _SameAsBefore
        row = {"number": number, "event_id": entry.event_id}
        connection.execute(insert(ServedRow), row)

    try:
        log.append_administration(entry, claim)
    except _SameAsBefore:
        return record_served(log, identity)
    return True


def read_changes(connection: Connection) -> Sequence[Change]:
    """What was served, newest first."""
    query = (
        select(ServedRow.number, ServedRow.event_id, EventRow.recorded_at, EventRow.body)
        .join(EventRow, EventRow.event_id == ServedRow.event_id)
        .order_by(ServedRow.number.desc())
        .limit(MOST)
    )
    return [_change(*row) for row in connection.execute(query)]


def _change(number: int, event_id: str, recorded_at: str, body: bytes) -> Change:
    details = json.loads(body)["details"]
    return Change(
        number=number,
        event_id=event_id,
        at=recorded_at,
        before=details["from"],
        after=details["to"],
    )
