"""Whether a payload that is gone was deleted with a word: by an erasure, or by a purge.

Each leaves a `retention` event in the same transaction, or before. Where neither covers an event,
somebody else has deleted its payload. A purge covers nothing that was under a legal hold when it
began, and nothing that came after it, whatever day it names.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from cds_service.audit.ids import first_event_id
from cds_service.audit.models import EventRow
from cds_service.audit.typed import parsed


class Forgotten:
    """What the retention events of a log account for."""

    def __init__(self) -> None:
        """Nothing yet."""
        self._erased: set[str] = set()
        self._held: set[str | None] = set()  # as the replay has come to it; None: everybody
        # of each purge: the first event id that it has not covered, and who was held then
        self._purges: list[tuple[str, frozenset[str | None]]] = []

    @classmethod
    def of(cls, connection: Connection) -> "Forgotten":
        """Read them all, in the order in which they were recorded; there are few."""
        found = cls()
        for body in sorted(_bodies(connection), key=_order):
            try:
                found.take(body)
            except (ValueError, TypeError, LookupError):
                continue  # `columns` tells it: its bytes are no such event
        return found

    def covers(self, event_id: str, pid: str | None) -> bool:
        """Whether the payload of an event may be gone."""
        return pid in self._erased or any(
            event_id < end and pid not in held for end, held in self._purges
        )

    def take(self, body: dict[str, Any]) -> None:
        """Go on by one retention event. Raises ValueError, TypeError or LookupError: it is none."""
        action, pid = body["action"], body["patient"]
        if action == "erase-patient" and pid:
            self._erased.add(str(pid))
        elif action == "hold-add":
            self._held.add(pid)
        elif action == "hold-remove":
            self._held.discard(pid)
        elif action == "purge" and None not in self._held:
            moments = (body["counts"]["before"], body["recorded_at"])
            end = first_event_id(min(datetime.fromisoformat(one) for one in moments))
            self._purges.append((end, frozenset(self._held)))


def _bodies(connection: Connection) -> Iterator[dict[str, Any]]:
    for data in connection.scalars(select(EventRow.body).where(EventRow.kind == "retention")):
        body = parsed(data)
        if body is not None:  # else as above
            yield body


def _order(body: dict[str, Any]) -> tuple[str, str]:
    return str(body.get("recorded_at")), str(body.get("event_id"))
