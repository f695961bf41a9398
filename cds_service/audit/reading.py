"""Events out of the database, with what is protected where the keys are at hand."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Row, Select, false, select

from cds_service.audit.database import AuditFailure
from cds_service.audit.merkle import leaf_hash
from cds_service.audit.models import (
    EventRow,
    FeedbackRow,
    LeafRow,
    PatientRow,
    PayloadRow,
    PeriodRow,
)
from cds_service.audit.payloads import open_payload
from cds_service.audit.typed import read_body
from cds_service.audit.vault import DataKey, Vault, Whom
from cds_service.audit.whose import pid_of
from cds_service.keys.service import NotOpened

PAGE = 200  # events that are in memory at once
Protected = Literal["open", "closed", "gone"]


class EventUnknown(LookupError):  # noqa: N818 - a situation, named as such
    """No event of the log has this id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSummary:
    """One line of the list of events."""

    event_id: str
    kind: str
    recorded_at: str  # RFC 3339 in UTC
    service_id: str | None
    hook: str | None
    hook_instance: str | None
    client: str
    user_ref: str | None
    patient: str | None  # the pid
    outcome: str
    card_count: int
    status: int
    patient_id: str | None = None  # of a decision whose payload opens


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent:
    """One event with all that can be read of it."""

    summary: EventSummary
    body: Mapping[str, Any]  # what is protected stands beside the rest where it opens
    is_altered: bool  # its bytes are not those that got its place in the tree
    protected: Protected  # closed: the keys are not at hand; gone: erased or expired
    decision_event_id: str | None = None  # of a feedback whose card is known
    feedback_event_ids: tuple[str, ...] = ()  # of a decision, in the order of arrival


def list_events(
    connection: Connection,
    vault: Vault,
    limit: int,
    filters: Mapping[str, str | None],
    patient: Whom | None,
) -> Sequence[EventSummary]:
    """See AuditLog.list_events; the filters are before, hook and outcome."""
    query = _events().order_by(EventRow.event_id.desc()).limit(limit)
    if filters["before"] is not None:
        query = query.where(EventRow.event_id < filters["before"])
    for name in ("hook", "outcome"):
        if filters[name] is not None:
            query = query.where(getattr(EventRow, name) == filters[name])
    if patient is not None:
        pid = pid_of(connection, vault, patient)
        query = query.where(EventRow.patient == pid if pid else false())
    return [_summary(row, _private(row, vault)[1]) for row in connection.execute(query)]


def find_event(
    connection: Connection, vault: Vault, event_id: str, *, is_opened: bool = True
) -> StoredEvent:
    """See AuditLog.find_event."""
    query = _events().add_columns(EventRow.body, LeafRow.leaf_hash)
    query = query.outerjoin(LeafRow, LeafRow.event_id == EventRow.event_id)
    row = connection.execute(query.where(EventRow.event_id == event_id)).one_or_none()
    if row is None:
        raise EventUnknown(f"no event has the id {event_id!r}: take one from `lamo-cds audit list`")
    state, private = _private(row, vault if is_opened else None)
    return StoredEvent(
        summary=_summary(row, private),
        body=merged(read_body(row.event_id, row.body), private),
        protected=state,
        is_altered=row.leaf_hash is not None and row.leaf_hash != leaf_hash(row.body),
        **_links(connection, event_id),
    )


def find_bodies(connection: Connection, event_ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """The bodies of some events, by id; nothing protected."""
    query = select(EventRow.event_id, EventRow.body).where(EventRow.event_id.in_(event_ids))
    return {row.event_id: read_body(row.event_id, row.body) for row in connection.execute(query)}


def find_protected(
    connection: Connection, vault: Vault, event_ids: Collection[str]
) -> dict[str, dict[str, Any]]:
    """What is protected of some events, by id; those left out that do not open any more."""
    rows = connection.execute(_events().where(EventRow.event_id.in_(event_ids)))
    found = {row.event_id: _private(row, vault) for row in rows}
    return {event_id: private for event_id, (state, private) in found.items() if state == "open"}


def page_of_kind(
    connection: Connection, vault: Vault, kind: str, after: str
) -> Sequence[Mapping[str, Any]]:
    """See AuditLog.events_of_kind; the next PAGE of them behind an event id."""
    query = _events().add_columns(EventRow.body).where(EventRow.kind == kind)
    query = query.where(EventRow.event_id > after).order_by(EventRow.event_id).limit(PAGE)
    return [
        merged(read_body(row.event_id, row.body), _private(row, vault)[1])
        for row in connection.execute(query)
    ]


def merged(body: Mapping[str, Any], private: Mapping[str, Any]) -> dict[str, Any]:
    """The event as it was before it was parted."""
    escaped = [*body.get("escaped", ()), *private.get("escaped", ())]
    told = {name: value for name, value in private.items() if name != "user_reference"}
    if "user_reference" in private:
        told["user"] = private["user_reference"]  # the body has its type alone
    return {**body, **told, "escaped": escaped}


_COLUMNS = tuple(name for name in EventSummary.__slots__ if name != "patient_id")


def _events() -> Select[Any]:
    """Events with their payloads and the keys of these."""
    return (
        select(
            *(getattr(EventRow, name) for name in _COLUMNS),
            PayloadRow.ciphertext,
            PatientRow.pid,
            PatientRow.lookup,
            PeriodRow.period,
            PatientRow.key_id.label("patient_key_id"),
            PatientRow.wrapped_key.label("patient_wrapped_key"),
            PeriodRow.key_id.label("period_key_id"),
            PeriodRow.wrapped_key.label("period_wrapped_key"),
        )
        .outerjoin(PayloadRow, PayloadRow.event_id == EventRow.event_id)
        .outerjoin(PatientRow, PatientRow.pid == PayloadRow.patient)
        .outerjoin(PeriodRow, PeriodRow.period == PayloadRow.period)
    )


def _summary(row: Row[Any], private: Mapping[str, Any]) -> EventSummary:
    columns = {name: getattr(row, name) for name in _COLUMNS}
    return EventSummary(**columns, patient_id=private.get("patient_id"))


def _private(row: Row[Any], vault: Vault | None) -> tuple[Protected, dict[str, Any]]:
    """What is protected; without a vault it stays closed."""
    if row.ciphertext is None:
        return "gone", {}
    if vault is None:
        return "closed", {}
    try:
        return "open", open_payload(row.ciphertext, row.event_id, _key(row, vault).key)
    except (AuditFailure, NotOpened):
        return "closed", {}


def _key(row: Row[Any], vault: Vault) -> DataKey:
    if row.pid is not None:
        return vault.of_patient(row.pid, row.lookup, row.patient_key_id, row.patient_wrapped_key)
    return vault.of_period(row.period, row.period_key_id, row.period_wrapped_key)


def _links(connection: Connection, event_id: str) -> dict[str, Any]:
    decision = select(FeedbackRow.decision_event_id).where(FeedbackRow.event_id == event_id)
    feedback = select(FeedbackRow.event_id).where(FeedbackRow.decision_event_id == event_id)
    return {
        "decision_event_id": connection.execute(decision).scalar_one_or_none(),
        "feedback_event_ids": tuple(
            connection.execute(feedback.order_by(FeedbackRow.event_id)).scalars()
        ),
    }
