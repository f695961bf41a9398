"""Reading what the calls of some days were like."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, select

from cds_service.audit.read_model.count_tables import DriftDayRow as Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One day of one service and one model."""

    day: str
    service_id: str
    model: str
    counts: Mapping[str, Mapping[str, int]]  # by measure and bin; see call_counts.py


def days(connection: Connection, since: date, until: date) -> Sequence[Day]:
    """Every day from one to another, both included."""
    query = select(Row.day, Row.service_id, Row.model, Row.counts)
    query = query.where(Row.day.between(since.isoformat(), until.isoformat()))
    rows = connection.execute(query.order_by(Row.day, Row.service_id, Row.model))
    return [
        Day(
            day=row.day,
            service_id=row.service_id,
            model=row.model,
            counts=json.loads(row.counts),
        )
        for row in rows
    ]
