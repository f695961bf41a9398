"""Whether a payload that is gone was deleted with a word: by an erasure, or by a purge.

Each leaves a `retention` event in the same transaction, or before. Where neither covers an event,
somebody else has deleted its payload.
"""

import json
from datetime import datetime

from sqlalchemy import Connection, select

from cds_service.audit.ids import first_event_id
from cds_service.audit.models import EventRow


class Forgotten:
    """What the retention events of a log account for."""

    def __init__(self) -> None:
        """Nothing yet."""
        self._pids: set[str] = set()
        self._before = ""  # the first event id that no purge has covered

    @classmethod
    def of(cls, connection: Connection) -> "Forgotten":
        """Read them all; there are few."""
        found = cls()
        query = select(EventRow.body).where(EventRow.kind == "retention")
        for data in connection.scalars(query):
            try:
                found._take(json.loads(data))
            except (ValueError, TypeError, LookupError):
                continue  # `columns` tells it: its bytes are no such event
        return found

    def covers(self, event_id: str, pid: str | None) -> bool:
        """Whether the payload of an event may be gone."""
        return pid in self._pids or event_id < self._before

    def _take(self, body: dict[str, object]) -> None:
        counts = body["counts"]
        if body["action"] == "erase-patient" and body["patient"]:
            self._pids.add(str(body["patient"]))
        elif body["action"] == "purge" and isinstance(counts, dict):
            before = datetime.fromisoformat(counts["before"])
            self._before = max(self._before, first_event_id(before))
