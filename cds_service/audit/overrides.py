"""What cards of a patient were about that a client overrode with a reason."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, bindparam, select
from sqlalchemy.orm import aliased

from cds_service.audit.bodies import COLUMN_CHARACTERS
from cds_service.audit.canonical import rfc3339
from cds_service.audit.models import EventRow, FeedbackRow, PatientRow
from cds_service.audit.typed import read_body
from cds_service.audit.vault import DataKey, Vault, Whom

MOST_OVERRIDES = 100

Answer = tuple[str, str, str]  # rule, RxNorm code, basis


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """Holds an answer when it is among them. The bases in bodies are tags: see DataKey.tag."""

    tagged: frozenset[Answer] = frozenset()
    key: DataKey | None = None  # of the patient; None for one who was not seen before

    def __contains__(self, answer: object) -> bool:
        if self.key is None or not isinstance(answer, tuple):
            return False
        rule, rxcui, basis = answer
        return (rule, rxcui, self.key.tag(basis)) in self.tagged


def overrides_of(connection: Connection, vault: Vault, whom: Whom, since: datetime) -> Overrides:
    """Read them; at most of MOST_OVERRIDES cards, the latest. No payload is opened."""
    asked = {
        "lookup": vault.lookup(whom),
        "client": whom.client[:COLUMN_CHARACTERS],
        "since": rfc3339(since),
    }
    rows = connection.execute(_OVERRIDDEN, asked).all()
    if not rows:
        return Overrides()
    key = vault.of_patient(rows[0].pid, asked["lookup"], rows[0].key_id, rows[0].wrapped_key)
    return Overrides(tagged=frozenset(_answered(rows)), key=key)


def _overridden() -> Select[*tuple[Any, ...]]:
    decision, feedback = aliased(EventRow), aliased(EventRow)
    return (
        select(
            FeedbackRow.card_uuid,
            FeedbackRow.event_id,
            FeedbackRow.decision_event_id,
            decision.body.label("decision"),
            feedback.body.label("feedback"),
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


def _answered(rows: Iterable[Any]) -> Iterable[Answer]:
    """What overrides with a reason answer: one without a reason answers nothing."""
    for row in rows:
        if read_body(row.event_id, row.feedback).get("has_reason"):
            for about in read_body(row.decision_event_id, row.decision).get("about", ()):
                if about["card"] == row.card_uuid:
                    yield about["rule"], about["rxcui"], about["basis"]
