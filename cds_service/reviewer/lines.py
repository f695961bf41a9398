"""Lines of lists as the templates show them: words in place of codes, no more than a role may see.

Ids of patients and what people stated are protected: they are opened here, for PATIENTS alone.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cds_service.audit.read_model.reading import ReadModel
from cds_service.audit.read_model.search import FoundRow
from cds_service.reviewer.asked import medication_words
from cds_service.reviewer.roles import PATIENTS, Role
from fhir_mappings.formulary import Formulary

BADGES: Mapping[str, str] = {
    "ok": "good",
    "accepted": "good",
    "partial-data": "warn",
    "refused": "warn",
    "overridden": "warn",
    "error": "bad",
    "denied": "bad",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A rule and the medication that it spoke of."""

    rule: str
    medication: str  # empty for a rule alone
    is_shown: bool  # False: found and suppressed


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One event."""

    row: FoundRow
    time: str  # in UTC, to the second
    badge: str  # the class of the outcome
    topics: Sequence[Topic] = ()
    patient_id: str | None = field(default=None, repr=False)  # None: the pid is shown
    purpose: str | None = field(default=None, repr=False)
    reason: str | None = field(default=None, repr=False)
    body: Mapping[str, Any] = field(default_factory=dict, repr=False)


def event_lines(
    rows: Sequence[FoundRow], roles: Collection[Role], model: ReadModel, formulary: Formulary
) -> list[Line]:
    """Lines of decisions, feedback and errors."""
    with_patient = [row.event_id for row in rows if row.patient]
    opened = _opened(model, roles, with_patient)
    return [
        Line(
            row=row,
            time=_time(row),
            badge=BADGES.get(row.group.outcome, ""),
            topics=_topics(row, formulary),
            patient_id=opened.get(row.event_id, {}).get("patient_id"),
        )
        for row in rows
    ]


def look_lines(rows: Sequence[FoundRow], roles: Collection[Role], model: ReadModel) -> list[Line]:
    """Lines of looks, with what was looked at."""
    bodies = model.bodies([row.event_id for row in rows])
    looked_at = {event_id: body.get("looked_at") for event_id, body in bodies.items()}
    opened = _opened(model, roles, {*bodies, *filter(None, looked_at.values())})
    is_compliance = "compliance" in roles
    lines = []
    for row in rows:
        own = opened.get(row.event_id, {})
        other = opened.get(looked_at.get(row.event_id) or "", {})
        lines.append(
            Line(
                row=row,
                time=_time(row),
                badge=BADGES.get(row.group.outcome, ""),
                patient_id=own.get("patient_id") or other.get("patient_id"),
                purpose=own.get("purpose") if is_compliance else None,
                body=bodies[row.event_id],
            )
        )
    return lines


def change_lines(rows: Sequence[FoundRow], roles: Collection[Role], model: ReadModel) -> list[Line]:
    """Lines of changes, with what was changed."""
    bodies = model.bodies([row.event_id for row in rows])
    opened = _opened(model, roles, bodies)
    return [
        Line(
            row=row,
            time=_time(row),
            badge=BADGES.get(row.group.outcome, ""),
            reason=opened.get(row.event_id, {}).get("reason"),
            body=bodies[row.event_id],
        )
        for row in rows
    ]


def _opened(
    model: ReadModel, roles: Collection[Role], event_ids: Collection[str]
) -> Mapping[str, Mapping[str, Any]]:
    return {} if PATIENTS.isdisjoint(roles) else model.protected(event_ids)


def _topics(row: FoundRow, formulary: Formulary) -> list[Topic]:
    return [
        Topic(
            rule=rule.replace("-", " "),
            medication=medication_words(rxcui, formulary) if rxcui else "",
            is_shown=bool(shown),
        )
        for rule, rxcui, shown in row.about
    ]


def _time(row: FoundRow) -> str:
    return row.recorded_at[:19].replace("T", " ")
