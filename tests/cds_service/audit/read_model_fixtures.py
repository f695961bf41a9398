"""A log with what is found in it, and what the tables of the read model hold."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import select

from cds_service.audit.database import open_engine
from cds_service.audit.log import AuditLog
from cds_service.audit.models import Base
from cds_service.audit.read_model.follower import follow_all
from cds_service.audit.read_model.search import FoundRow, Search, find
from cds_service.audit.sequencer import sequence_all
from tests.cds_service.audit.test_entries import decision

KINDS = ("decision", "feedback", "error")


def about(card: str, rule: str, rxcui: str) -> dict[str, str]:
    """What a card was about."""
    return {"card": card, "rule": rule, "rxcui": rxcui, "basis": ""}


def write_decisions(log: AuditLog, count: int, **changes: Any) -> list[str]:
    """Write decisions; their ids."""
    entries = [decision(**changes) for _ in range(count)]
    for entry in entries:
        log.append_decision(entry)
    return [entry.event_id for entry in entries]


def derive_all(url: str, var_dir: Path) -> None:
    """Give events their places, and have the projections follow."""
    sequence_all(url, var_dir)
    follow_all(url)


def found_in(url: str, **asked: Any) -> list[str]:
    """The ids of the first page of a search."""
    return [row.event_id for row in page_of(url, None, **asked)]


def page_of(url: str, before: str | None, limit: int = 50, **asked: Any) -> Sequence[FoundRow]:
    """One page of a search."""
    engine = open_engine(url, read_only=True, timeout_s=60)
    with engine.begin() as connection:
        page = find(connection, Search(**{"kinds": KINDS, **asked}), before, limit)
    engine.dispose()
    return page.rows


def rows_of(url: str, *tables: type[Base]) -> list[set[tuple[Any, ...]]]:
    """Everything that tables hold."""
    engine = open_engine(url, read_only=True, timeout_s=60)
    with engine.begin() as connection:
        found = [
            {tuple(row) for row in connection.execute(select(*table.__table__.columns))}
            for table in tables
        ]
    engine.dispose()
    return found
