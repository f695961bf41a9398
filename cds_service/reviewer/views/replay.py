"""Scoring a decision again, with the model that is loaded now."""

from uuid import UUID

from cds_service.reviewer.opening import found
from cds_service.reviewer.pages import Look, Seen, desk, page
from cds_service.reviewer.replay import SAME, NotReplayed
from cds_service.reviewer.roles import PATIENTS

SHOWN = 30  # candidates that moved furthest


@page("/events/<uuid:event_id>/replay", PATIENTS, methods=["POST"])
def replay(event_id: UUID) -> Seen:
    """Score its candidates again, and show the difference."""
    stored = found(event_id)
    refused, replayed = None, None
    try:
        replayed = desk().replayer.replay(stored.body)
    except NotReplayed as reason:
        refused = str(reason)
    return Seen(
        template="review/replay.html",
        part="review/parts/replay.html",
        values={
            "event_id": str(event_id),
            "replayed": replayed,
            "refused": refused,
            "shown": SHOWN,
            "same": SAME,
        },
        look=Look(looked_at=str(event_id)),
    )
