"""Switching off and on: each is an event of the log, in the transaction that makes the change."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, get_args

from sqlalchemy import Connection, delete, insert

from cds_service.audit.canonical import rfc3339
from cds_service.audit.entries import AdministrationEntry
from cds_service.audit.ids import new_event_id
from cds_service.audit.log import AuditLog
from cds_service.cards.policy import RULES
from cds_service.hooks.discovery import SERVICES
from cds_service.stops.models import StopRow
from cds_service.stops.stops import Scope, read_stops

Turn = Literal["stop", "resume"]
NAMES: dict[Scope, tuple[str, ...]] = {
    "service": tuple(service.service_id for service in SERVICES),
    "rule": tuple(sorted(RULES)),
}
MOST_REASON = 500  # characters


class SwitchRefused(Exception):  # noqa: N818 - a situation, named as such
    """What was asked cannot be switched; says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """What somebody asks to be switched. Raises SwitchRefused where it makes no sense."""

    turn: Turn
    scope: Scope
    name: str
    reason: str = field(repr=False)

    def __post_init__(self) -> None:
        if self.turn not in get_args(Turn) or self.scope not in NAMES:
            raise SwitchRefused("wanted to stop or to resume a service or a rule: choose from them")
        if self.name not in NAMES[self.scope]:
            known = ", ".join(NAMES[self.scope])
            raise SwitchRefused(f"no {self.scope} has this name: there are {known}")
        if not 0 < len(self.reason.strip()) <= MOST_REASON:
            raise SwitchRefused(
                f"wanted a reason of 1 to {MOST_REASON} characters: say why, without naming a "
                "patient"
            )


def throw(switch: Switch, audit_log: AuditLog, user: str, request_id: str | None = None) -> None:
    """Make the change and say so, both or neither; processes know within two seconds.

    Args:
        switch: what is asked.
        audit_log: in whose database it stands.
        user: who asks, as events name them.
        request_id: of the page; None at the command line.

    Raises:
        SwitchRefused: it is so already.
        AuditUnavailable: the database does not do its part; nothing is changed.
    """
    entry = AdministrationEntry(
        event_id=new_event_id(),
        request_id=request_id,
        user=user,
        action=f"{switch.turn}-{switch.scope}",
        subject=switch.name,
        reason=switch.reason.strip(),
    )
    audit_log.append_administration(entry, lambda connection: _change(connection, switch, user))


def _change(connection: Connection, switch: Switch, user: str) -> None:
    named = f"{switch.scope} {switch.name}"
    if switch.turn == "resume":
        which = (StopRow.scope == switch.scope, StopRow.name == switch.name)
        if not connection.execute(delete(StopRow).where(*which)).rowcount:
            raise SwitchRefused(f"{named} is not switched off: see `lamo-cds stops`")
        return
    for one in read_stops(connection).stops:
        if (one.scope, one.name) == (switch.scope, switch.name):
            raise SwitchRefused(f"{named} is switched off since {one.since}: see `lamo-cds stops`")
    row = {"scope": switch.scope, "name": switch.name, "by_user": user}
    connection.execute(insert(StopRow), row | {"since": rfc3339(datetime.now(UTC))})
