"""Comparing the read model with the events: part of `lamo-cds audit verify`.

Who only searches would not see an event whose row was taken away, so that is a failure as well. To
be behind is none: it is told as a note.
"""

import time
from collections.abc import Sequence

from sqlalchemy import Connection

from cds_service.audit.findings import Findings
from cds_service.audit.read_model.following import (
    Comparable,
    Projection,
    places_in,
    read_leaves,
)
from cds_service.audit.read_model.lag import lags, told

CHECK = "read-model"
AT_ONCE = 1000  # events


def compare_read_model(
    connection: Connection, projections: Sequence[Projection], found: Findings
) -> None:
    """Work out anew what projections should hold of the events that they have seen."""
    stale = told(lags(connection, projections, int(time.time() * 1000)))
    if stale is not None:
        found.notes.append(f"{CHECK}: {stale}")
    for name, place in places_in(connection, projections).items():
        projection = next(one for one in projections if one.name == name)
        if isinstance(projection, Comparable):  # one that only counts is not: it is derived anew
            _compare(connection, projection, place, found)


def _compare(connection: Connection, projection: Comparable, end: int, found: Findings) -> None:
    comparison, name = projection.comparison(), getattr(projection, "name", "")
    begin = 0
    while begin < end:
        batch = read_leaves(connection, begin, min(AT_ONCE, end - begin))
        if batch.end == begin:  # leaves are missing, which is told as such
            break
        for what in comparison.see(connection, batch.events):
            found.add(CHECK, f"{name}: {what}")
        begin = batch.end
    for what in comparison.end(connection):
        found.add(CHECK, f"{name}: {what}")
