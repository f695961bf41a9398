"""Verifying one event now, and its proof to take away."""

import json
from hashlib import sha256
from uuid import UUID

from flask import Response
from werkzeug.exceptions import NotFound

from cds_service.audit.database import AuditFailure
from cds_service.audit.log import EventUnknown
from cds_service.audit.typed import LogAltered
from cds_service.reviewer.opening import found
from cds_service.reviewer.pages import Look, Seen, desk, page
from cds_service.reviewer.roles import EVERYBODY


@page("/events/<uuid:event_id>/verification", EVERYBODY)
def verify_event(event_id: UUID) -> Seen:
    """Check it, step by step."""
    found(event_id)
    checks = desk().evidence.check(str(event_id))
    outcomes = {one.outcome for one in checks}
    verdict = next((one for one in ("failed", "waiting") if one in outcomes), "ok")
    return Seen(
        template="review/verification.html",
        part="review/parts/verification.html",
        values={"event_id": str(event_id), "checks": checks, "verdict": verdict},
        look=Look(looked_at=str(event_id)),
    )


@page("/events/<uuid:event_id>/proof", EVERYBODY)
def proof(event_id: UUID) -> Seen:
    """Hand out the proof that it stands under the newest signed head."""
    found(event_id)
    try:
        proven = desk().evidence.prove(str(event_id))
    except LogAltered:
        raise
    except (EventUnknown, AuditFailure):
        raise NotFound("no signed head has this event yet: try again in a few seconds") from None
    text = json.dumps(proven, indent=2, ensure_ascii=False)
    answer = Response(text, mimetype="application/json")
    answer.headers["Content-Disposition"] = f'attachment; filename="proof-{event_id}.json"'
    look = Look(looked_at=str(event_id), sha256=sha256(text.encode()).hexdigest())
    return Seen(answer=answer, look=look)
