"""What cards of a patient were about that users of a client overrode with a reason.

An override counts for the user whom its card was made for: feedback names nobody. Their reference
stands in the decision's body; of a patient or related person it is the type alone, which tells no
two of them apart, so what they overrode is shown again to everyone.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, select
from sqlalchemy.orm import aliased

from cds_service.answers import Answer, Answers, Earlier
from cds_service.audit.bodies import COLUMN_CHARACTERS, TYPES_OF_PATIENTS
from cds_service.audit.canonical import rfc3339
from cds_service.audit.models import EventRow, FeedbackRow, PatientRow
from cds_service.audit.typed import read_body
from cds_service.audit.vault import DataKey, Vault, Whom

MOST_OVERRIDES = 100


def overrides_of(
    connection: Connection, vault: Vault, whom: Whom, user: str, since: datetime
) -> Answers:
    """Read them; at most of MOST_OVERRIDES cards, the latest. No payload is opened.

    Args:
        connection: to the log.
        vault: opens the patient's key.
        whom: the patient.
        user: of the call that is to be answered.
        since: what was overridden before that is forgotten.
    """
    asked = {
        "lookup": vault.lookup(whom),
        "client": whom.client[:COLUMN_CHARACTERS],
        "since": rfc3339(since),
    }
    rows = connection.execute(_OVERRIDDEN, asked).all()
    if not rows:
        return Answers()
    key = vault.of_patient(rows[0].pid, asked["lookup"], rows[0].key_id, rows[0].wrapped_key)
    return _answered(rows, user, key)


def _overridden() -> Select[*tuple[Any, ...]]:
    decision, feedback = aliased(EventRow), aliased(EventRow)
    return (
        select(
            FeedbackRow.card_uuid,
            FeedbackRow.event_id,
            FeedbackRow.decision_event_id,
            decision.body.label("decision"),
            feedback.body.label("feedback"),
            feedback.recorded_at,
            PatientRow.pid,
            PatientRow.key_id,
            PatientRow.wrapped_key,
        )
        .join(decision, decision.event_id == FeedbackRow.decision_event_id)
        .join(feedback, feedback.event_id == FeedbackRow.event_id)
        .join(PatientRow, PatientRow.pid == decision.patient)
        .where(PatientRow.lookup == bindparam("lookup"))
        .where(decision.client == bindparam("client"))
        .where(feedback.client == decision.client)
        .where(FeedbackRow.outcome == "overridden")
        .where(feedback.recorded_at >= bindparam("since"))
        .order_by(feedback.recorded_at.desc())
        .limit(MOST_OVERRIDES)
    )


_OVERRIDDEN = _overridden()  # made once: to build a statement takes longer than to run it


def _answered(rows: Iterable[Row[Any]], user: str, key: DataKey) -> Answers:
    """What overrides with a reason answer, the latest first; one without a reason answers none."""
    by_user: set[Answer] = set()
    by_others: dict[Answer, Earlier] = {}
    for row in rows:
        feedback = read_body(row.event_id, row.feedback)
        if not feedback.get("has_reason"):
            continue
        decision = read_body(row.decision_event_id, row.decision)
        answers = _about(decision, row.card_uuid)
        if decision.get("user") == user and user not in TYPES_OF_PATIENTS.values():
            by_user.update(answers)
        else:
            earlier = Earlier(day=row.recorded_at[:10], reason=feedback.get("reason_code"))
            by_others = dict.fromkeys(answers, earlier) | by_others
    return Answers(by_user=frozenset(by_user), by_others=by_others, tag=key.tag)


def _about(decision: Mapping[str, Any], card: str) -> list[Answer]:
    return [
        (about["rule"], about["rxcui"], about["basis"])
        for about in decision.get("about", ())
        if about["card"] == card
    ]
