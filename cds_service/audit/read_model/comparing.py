"""Comparing the read model with the events: part of `lamo-cds audit verify`.

Who only searches would not see an event whose row was taken away, so that is a failure as well. To
be behind is none: it is told as a note.
"""

import time
from collections import Counter
from collections.abc import Mapping

from sqlalchemy import Connection, func, select, table

from cds_service.audit.findings import Findings
from cds_service.audit.read_model.following import Comparable, Followed, places_in
from cds_service.audit.read_model.lag import lags, told
from cds_service.audit.read_model.registry import PROJECTIONS

CHECK = "read-model"


class Derived:
    """Compares what projections hold of events, some at a time."""

    def __init__(
        self, connection: Connection, findings: Findings, places: Mapping[str, int]
    ) -> None:
        """Take where the rows are, where to tell, and how far each projection has come."""
        self._connection, self._found, self._places = connection, findings, places
        # one that only counts is not compared: it is derived anew
        comparable = [one for one in PROJECTIONS if isinstance(one, Comparable)]
        self._comparisons = {one.name: one.comparison() for one in comparable}
        self._seen: list[Followed] = []

    @property
    def rows(self) -> Counter[str]:
        """How many there should be of the events that were compared, by table."""
        found: Counter[str] = Counter()
        for comparison in self._comparisons.values():
            found.update(comparison.rows)  # which keeps what there should be none of
        return found

    def see(self, event: Followed) -> None:
        """Take one event."""
        self._seen.append(event)

    def compare(self) -> None:
        """Compare the rows of the events that were seen since the last time."""
        for name, comparison in self._comparisons.items():
            events = [one for one in self._seen if one.leaf_index < self._places[name]]
            for what in comparison.see(self._connection, events) if events else ():
                self._found.add(CHECK, f"{name}: {what}")
        self._seen = []


def no_rows(connection: Connection) -> Counter[str]:
    """How many there should be of no event: none, by table."""
    return Derived(connection, Findings(), {}).rows


def places_of_read_model(connection: Connection) -> Mapping[str, int]:
    """The leaf that each projection comes to next."""
    return places_in(connection, PROJECTIONS)


def tell_state(connection: Connection, rows: Mapping[str, int], found: Findings) -> None:
    """Tell rows of no event, and a read model that is behind.

    Args:
        connection: to the log.
        rows: how many there should be of all events, by table.
        found: where to tell.
    """
    stale = told(lags(connection, PROJECTIONS, int(time.time() * 1000)))
    if stale is not None:
        found.notes.append(f"{CHECK}: {stale}")
    for name, wanted in rows.items():
        stored = connection.scalar(select(func.count()).select_from(table(name))) or 0
        if stored > wanted:
            found.add(CHECK, f"{stored} rows of {name} are stored, wanted {wanted}")
