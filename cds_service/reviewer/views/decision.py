"""One event: a decision with all that led to it, or any other event as it is stored."""

from typing import Any
from uuid import UUID

from cds_service.audit.log import StoredEvent
from cds_service.audit.receipts import receipt_begins
from cds_service.audit.text import render_body
from cds_service.reviewer.opening import found, opens
from cds_service.reviewer.pages import Look, Seen, desk, page, viewer
from cds_service.reviewer.roles import EVERYBODY
from cds_service.reviewer.shown.cards import cards_shown
from cds_service.reviewer.shown.chart import chart_of, timeline_of
from cds_service.reviewer.shown.parts import (
    explained_shown,
    inputs_shown,
    stages_of,
    versions_of,
)
from cds_service.reviewer.shown.reports import reports_shown
from cds_service.reviewer.shown.scores import first_of, scores_shown

MOST_REPORTS = 100  # that are shown of one decision


@page("/events/<uuid:event_id>", EVERYBODY)
def decision(event_id: UUID) -> Seen:
    """Show it to whom it is for (opening.py): everybody has looks of their own."""
    stored = found(event_id)
    is_decision = stored.summary.kind == "decision" and not stored.is_altered
    return Seen(
        template="review/decision.html" if is_decision else "review/event.html",
        values=_shared(stored) | (_of_decision(stored) if is_decision else {}),
        look=Look(looked_at=str(event_id)),
    )


def _shared(stored: StoredEvent) -> dict[str, Any]:
    place = desk().evidence.place(stored.summary.event_id)
    return {
        "stored": stored,
        "summary": stored.summary,
        "body": stored.body,
        "sees_patients": opens(stored, viewer()),
        "place": place,
        "receipt": place and receipt_begins(stored.summary.event_id, place.leaf),
        "plain": "\n".join(render_body(stored.body)),
    }


def _of_decision(stored: StoredEvent) -> dict[str, Any]:
    body = stored.body
    cards, scores = cards_shown(body), scores_shown(body)
    first = first_of(scores)
    told = stored.feedback_event_ids
    reports = [
        desk().log.find_event(event_id, is_opened=opens(stored, viewer()))
        for event_id in told[:MOST_REPORTS]
    ]
    return {
        "cards": cards,
        "inputs": inputs_shown(body),
        "scores": scores,
        "chart": chart_of(first, scores),
        "whole_chart": chart_of(scores, scores) if len(first) < len(scores) else None,
        "explained": explained_shown(body),
        "timeline": timeline_of(*stages_of(body)),
        "versions": versions_of(body),
        "adapters": body.get("model", {}).get("adapters", {}),
        "reports": reports_shown([one for one in reports if not one.is_altered], cards),
        "altered_reports": sum(one.is_altered for one in reports),
        "unshown_reports": len(told) - len(reports),
    }
