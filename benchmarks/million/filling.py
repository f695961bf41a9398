"""One month of the log: sealed by the product's own functions, and inserted in bulk."""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from random import Random
from typing import Any

from sqlalchemy import insert

from benchmarks.million.bulk import Bulk, nothing_known
from benchmarks.million.entries import Moment, access, answers, decision, error
from benchmarks.million.people import Visit, any_visit, call_times
from benchmarks.million.templates import Templates
from cds_service.audit.bodies import SealedEvent, build_event, seal_event
from cds_service.audit.counting import WorkerCounter
from cds_service.audit.entries import Entry, FeedbackEntry
from cds_service.audit.feedback import feedback_columns, link_feedback
from cds_service.audit.ids import EventIds
from cds_service.audit.log import NOBODY
from cds_service.audit.models import PeriodRow
from cds_service.audit.vault import DataKey, Vault, Whom
from cds_service.audit.writing import insert_events

AT_ONCE = 1000  # events in one insert
ERROR_SHARE, ACCESS_SHARE, LOST_SHARE = 0.01, 0.02, 0.002  # beside decisions; of feedback


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One month, or the part of it until the log ends."""

    seed: int
    month: int  # from 0
    since: datetime
    until: datetime
    decisions: int


class Month:
    """Writes a month as one process of the service would, in the order of time."""

    def __init__(
        self, span: Span, templates: Templates, keys: Mapping[Whom, DataKey], vault: Vault
    ) -> None:
        """Take what the months share; `keys` are those of all patients."""
        self._span, self._templates, self._keys, self._vault = span, templates, keys, vault
        self._random = Random(f"{span.seed} {span.month}")
        self._ms, self._ids = 0, EventIds(lambda: self._ms)
        self._counter = WorkerCounter()
        self._turns = count()
        self._due: list[tuple[datetime, int, FeedbackEntry, SealedEvent]] = []
        self._period = vault.period_key(nothing_known(), span.since)

    def write(self, bulk: Bulk) -> int:
        """Write all of it; how many events that were."""
        bulk.execute(insert(PeriodRow), [dict(self._period.row or {})])
        self._period = replace(self._period, row=None)
        events: list[SealedEvent] = []
        rows: list[Mapping[str, Any]] = []
        total = 0
        for sealed, feedback in self._events():
            events.append(sealed)
            rows += feedback
            if len(events) == AT_ONCE:
                total += _insert(bulk, events, rows)
        return total + _insert(bulk, events, rows)

    def _events(self) -> Iterator[tuple[SealedEvent, Sequence[Mapping[str, Any]]]]:
        span = self._span
        for at in call_times(self._random, span.since, span.until, span.decisions):
            yield from self._feedback_until(at)
            visit = any_visit(self._random)
            yield from ((sealed, ()) for sealed in self._of_visit(visit, at))
        yield from self._feedback_until(self._span.until)

    def _of_visit(self, visit: Visit, at: datetime) -> Iterator[SealedEvent]:
        moment = self._moment(at)
        made = decision(self._templates, visit, moment)
        sealed = self._seal(made, made.decided_at, self._keys[visit.whom])
        yield sealed
        for answer in answers(made, visit, moment):
            self._plan(answer, sealed)
        if moment.happens(ERROR_SHARE):
            yield self._seal(error(visit, self._moment(at)), at, self._period)
        if moment.happens(ACCESS_SHARE):
            looked = access(visit, made.event_id, self._moment(at))
            key = self._keys[visit.whom] if looked.patient_id else self._period
            yield self._seal(looked, at, key)

    def _plan(self, answer: FeedbackEntry, sealed: SealedEvent) -> None:
        """Have it reported later: within minutes mostly, and some after hours."""
        later = timedelta(seconds=5 + self._random.lognormvariate(4.5, 1.5))
        at = answer.received_at + later
        if self._random.random() < LOST_SHARE:
            answer = replace(answer, card=f"unknown-{answer.card[:8]}")
        told = replace(answer, outcome_timestamp=at, received_at=at)
        heapq.heappush(self._due, (at, next(self._turns), told, sealed))

    def _feedback_until(
        self, until: datetime
    ) -> Iterator[tuple[SealedEvent, Sequence[Mapping[str, Any]]]]:
        while self._due and self._due[0][0] < until:
            at, _, answer, decided = heapq.heappop(self._due)
            told = replace(answer, event_id=self._moment(at).event_id)
            with self._counter.numbers(1) as (worker,):
                event = build_event(told, at) | {"worker": worker}
            is_ours = answer.card in decided.body["offered"]
            linked = link_feedback(event, decided.body if is_ours else None)
            key = decided.key if is_ours else self._period
            row = feedback_columns(linked, lambda text: self._vault.pseudonym("report", text))
            yield seal_event(linked, key, linked["patient"]), [row]

    def _seal(self, entry: Entry, at: datetime, key: DataKey) -> SealedEvent:
        with self._counter.numbers(1) as (worker,):
            event = build_event(entry, at) | {"worker": worker}
        told = event if key.patient else event | NOBODY
        return seal_event(told, key, key.patient)

    def _moment(self, at: datetime) -> Moment:
        self._ms = int(at.timestamp() * 1000)
        return Moment(at=at, month=self._span.month, event_id=self._ids.new(), random=self._random)


def _insert(bulk: Bulk, events: list[SealedEvent], rows: list[Mapping[str, Any]]) -> int:
    """Insert what is there, and leave both lists empty; how many events that were."""
    inserted = len(events)
    if events:
        insert_events(bulk.as_connection(), events, rows)
        bulk.flush()
    events.clear()
    rows.clear()
    return inserted
