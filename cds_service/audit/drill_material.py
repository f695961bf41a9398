"""What a drill adds to its copies of a log: invented events, whose payloads may be tampered with.

Payloads are not copied: what is protected of patients has no business in a temporary file. So a
copy is made whole in the way of a log whose payloads have expired: by a purge, announced in an
event. After it come two decisions and a feedback of nobody, written as the service writes them,
under keys that end with the drill.
"""

import time
from datetime import UTC, datetime
from uuid import uuid4

from cds_service.audit.entries import DecisionEntry, FeedbackEntry, Table
from cds_service.audit.ids import new_event_id
from cds_service.audit.keeping import Keeper
from cds_service.audit.log import AuditLog
from cds_service.keys.service import KeyService

NOBODY = "nobody: invented for a drill"
TICK_S = 0.002  # ids tell milliseconds


def add_invented(url: str, keys: KeyService) -> None:
    """Purge what was not copied, then write events that are whole, of two patients."""
    log, keeper = AuditLog(url, keys), Keeper(url, keys)
    try:
        log.append_decision(_decision())  # so that there is something to purge
        time.sleep(TICK_S)
        keeper.purge(datetime.now(UTC))
        time.sleep(TICK_S)
        first = _decision()
        log.append_decision(first)
        log.append_decision(_decision(f"{NOBODY} either"))
        log.append_feedback(_feedback(str(first.cards[0]["uuid"])))
    finally:
        log.close()
        keeper.close()


def _decision(patient_id: str = NOBODY) -> DecisionEntry:
    now = datetime.now(UTC)
    return DecisionEntry(
        event_id=new_event_id(),
        request_id=str(uuid4()),
        service_id="drill",
        hook="order-sign",
        hook_instance=str(uuid4()),
        client=NOBODY,
        user=None,
        patient_id=patient_id,
        encounter_id=None,
        received_at=now,
        decided_at=now,
        inputs={},
        notes=[],
        prompt_version="",
        prompt_sha256=None,
        prompt=None,
        model={},
        scores=Table.of([]),
        cards=[{"uuid": str(uuid4()), "summary": NOBODY}],
        about=[],
        suppressed=[],
        gaps=[],
        findings=[],
        explained=[],
        stage_ms={},
    )


def _feedback(card: str) -> FeedbackEntry:
    now = datetime.now(UTC)
    return FeedbackEntry(
        event_id=new_event_id(),
        request_id=str(uuid4()),
        service_id="drill",
        card=card,
        outcome="overridden",
        accepted_suggestions=(),
        override_reason=None,
        reason_code=None,
        user_comment=NOBODY,
        outcome_timestamp=now,
        received_at=now,
        client=NOBODY,
    )
