"""The projection behind the page on overrides: what was shown, and what became of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy import Connection, bindparam, select, text

from cds_service.audit.models import Base, EventRow
from cds_service.audit.read_model.count_tables import CardOutcomeRow, OverrideCountRow
from cds_service.audit.read_model.following import Followed
from cds_service.audit.read_model.outcomes import (
    MEASURES,
    Cell,
    Counts,
    Measure,
    Report,
    cells,
    report_of,
    shown,
    understood,
)
from cds_service.audit.typed import parsed

_KEY = ", ".join(Cell._fields)
# the same words for SQLite and PostgreSQL
_ADD = text(
    f"INSERT INTO override_count ({_KEY}, {', '.join(MEASURES)}) "  # noqa: S608 - our own names
    f"VALUES ({', '.join(f':{name}' for name in (*Cell._fields, *MEASURES))}) "
    f"ON CONFLICT ({_KEY}) DO UPDATE SET "
    + ", ".join(f"{name} = override_count.{name} + excluded.{name}" for name in MEASURES)
)
_KEEP = text(
    "INSERT INTO card_outcome (card_uuid, outcome, is_contradicted) "
    "VALUES (:card_uuid, :outcome, :is_contradicted) "
    "ON CONFLICT (card_uuid) DO UPDATE SET is_contradicted = excluded.is_contradicted"
)
_KNOWN = select(CardOutcomeRow.card_uuid, CardOutcomeRow.outcome, CardOutcomeRow.is_contradicted)
_KNOWN = _KNOWN.where(CardOutcomeRow.card_uuid.in_(bindparam("cards", expanding=True)))
_BODIES = select(EventRow.event_id, EventRow.body)
_BODIES = _BODIES.where(EventRow.event_id.in_(bindparam("events", expanding=True)))


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideCounts:
    """Counts cards by month, service, client, rule, medication, model and reason.

    A card counts in the month that it was shown in, and so does what became of it later.
    """

    name: str = "override-counts"
    tables: Sequence[type[Base]] = field(default=(OverrideCountRow, CardOutcomeRow))

    def apply(self, connection: Connection, events: Sequence[Followed]) -> None:
        """See Projection."""
        counts: Counts = Counts()
        for one in events:
            if one.body.get("kind") == "decision":
                counts.update(understood(shown, one.body))
        feedback = (one.body for one in events if one.body.get("kind") == "feedback")
        reports = [report for body in feedback if (report := report_of(body)) is not None]
        if reports:
            _count_reports(connection, reports, counts)
        if counts:
            connection.execute(_ADD, _rows(counts))


@dataclass(slots=True, kw_only=True)
class _Outcome:
    """What became of a card, as far as it is known."""

    outcome: str
    is_contradicted: bool


def _count_reports(connection: Connection, reports: Sequence[Report], counts: Counts) -> None:
    """Count the first report of each card, and once a card whose later ones contradict it."""
    known = _known(connection, {report.card for report in reports})
    decisions = _decisions(connection, {report.decision_event_id for report in reports})
    changed: dict[str, _Outcome] = {}
    for report in reports:
        decision = decisions.get(report.decision_event_id)
        measure = _told(report, known.get(report.card))
        if decision is None or measure is None:
            continue
        if measure == "contradicted":
            known[report.card].is_contradicted = True
        else:
            known[report.card] = _Outcome(outcome=report.outcome, is_contradicted=False)
        changed[report.card] = known[report.card]
        reason = report.reason if measure == "overridden" else ""
        of_card = understood(partial(cells, card=report.card, reason=reason), decision)
        counts.update((cell, measure) for cell in of_card)
    if changed:
        connection.execute(_KEEP, _kept(changed))


def _told(report: Report, before: _Outcome | None) -> Measure | None:
    """What a report adds to; None for one that repeats."""
    if before is None:
        return report.outcome
    is_news = before.outcome != report.outcome and not before.is_contradicted
    return "contradicted" if is_news else None


def _known(connection: Connection, cards: Iterable[str]) -> dict[str, _Outcome]:
    rows = connection.execute(_KNOWN, {"cards": sorted(cards)})
    return {
        row.card_uuid: _Outcome(outcome=row.outcome, is_contradicted=row.is_contradicted)
        for row in rows
    }


def _decisions(connection: Connection, event_ids: Iterable[str]) -> dict[str, Mapping[str, Any]]:
    rows = connection.execute(_BODIES, {"events": sorted(event_ids)})
    return {row.event_id: body for row in rows if (body := parsed(row.body)) is not None}


def _kept(changed: Mapping[str, _Outcome]) -> list[dict[str, Any]]:
    return [
        {"card_uuid": card, "outcome": one.outcome, "is_contradicted": one.is_contradicted}
        for card, one in changed.items()
    ]


def _rows(counts: Counts) -> list[dict[str, Any]]:
    """A row for each cell, in one order: whoever else writes them waits, and is not waited for."""
    rows: dict[Cell, dict[str, Any]] = {}
    for (cell, measure), count in counts.items():
        row = rows.setdefault(cell, {**cell._asdict(), **dict.fromkeys(MEASURES, 0)})
        row[measure] += count
    return [rows[cell] for cell in sorted(rows)]
