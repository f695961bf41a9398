"""The projection behind the page on drift: what the calls of each day were like.

A row is a day of one service and one model, with all its counts as JSON: a page reads some dozens
of rows, and a new measure needs no new column.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, bindparam, select, text

from cds_service.audit.models import Base
from cds_service.audit.read_model.call_counts import Bin, counted
from cds_service.audit.read_model.count_tables import DriftDayRow
from cds_service.audit.read_model.following import Followed
from cds_service.audit.read_model.outcomes import model_label, understood

Key = tuple[str, str, str]  # day, service, model
Measures = dict[str, dict[str, int]]  # by measure and bin

_KNOWN = select(
    DriftDayRow.day, DriftDayRow.service_id, DriftDayRow.model, DriftDayRow.counts
).where(DriftDayRow.day.in_(bindparam("days", expanding=True)))
_PUT = text(
    "INSERT INTO drift_day (day, service_id, model, counts) "
    "VALUES (:day, :service_id, :model, :counts) "
    "ON CONFLICT (day, service_id, model) DO UPDATE SET counts = excluded.counts"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftCounts:
    """Counts decisions and errors by day, service and model."""

    name: str = "drift-counts"
    tables: Sequence[type[Base]] = field(default=(DriftDayRow,))

    def apply(self, connection: Connection, events: Sequence[Followed]) -> None:
        """See Projection."""
        fresh: dict[Key, Counter[Bin]] = {}
        for one in events:
            if one.body.get("kind") in ("decision", "error"):
                for key, counts in understood(_counted, one.body):
                    fresh.setdefault(key, Counter()).update(counts)
        if fresh:
            known = _known(connection, {day for day, _, _ in fresh})
            rows = [_row(key, known.get(key, {}), counts) for key, counts in sorted(fresh.items())]
            connection.execute(_PUT, rows)


def added(counts: Mapping[str, Mapping[str, int]], fresh: Mapping[Bin, int]) -> Measures:
    """Counts with more."""
    both = {measure: dict(bins) for measure, bins in counts.items()}
    for (measure, name), count in fresh.items():
        bins = both.setdefault(measure, {})
        bins[name] = bins.get(name, 0) + count
    return both


def _counted(body: Mapping[str, Any]) -> list[tuple[Key, Counter[Bin]]]:
    return [(_key(body), counted(body))]


def _key(body: Mapping[str, Any]) -> Key:
    service = str(body.get("service_id") or "")[:64]
    return str(body["recorded_at"])[:10], service, model_label(body)


def _known(connection: Connection, days: set[str]) -> dict[Key, Measures]:
    rows = connection.execute(_KNOWN, {"days": sorted(days)})
    return {(row.day, row.service_id, row.model): json.loads(row.counts) for row in rows}


def _row(key: Key, known: Measures, fresh: Mapping[Bin, int]) -> dict[str, str]:
    day, service_id, model = key
    counts = json.dumps(added(known, fresh), sort_keys=True, separators=(",", ":"))
    return {"day": day, "service_id": service_id, "model": model, "counts": counts}
