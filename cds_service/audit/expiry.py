"""Which payloads and keys are past their time, and are under no legal hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, func, or_, select

from cds_service.audit.canonical import rfc3339
from cds_service.audit.ids import first_event_id
from cds_service.audit.models import HoldRow, PatientRow, PayloadRow, PeriodRow

AT_ONCE = 1000  # rows of one transaction: a service beside it waits for no more than that


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """How much was deleted, or is due."""

    payloads: int
    patients: int  # keys of patients
    periods: int = 0  # keys of months
    note_digests: int = 0


def _is_held(pid: Any) -> ColumnElement[bool]:
    return exists().where(HoldRow.subject == pid)


def _expired(before: datetime) -> ColumnElement[bool]:
    """Payloads whose time is over and that are not held."""
    free = or_(PayloadRow.patient.is_(None), ~_is_held(PayloadRow.patient))
    return and_(PayloadRow.event_id < first_event_id(before), free)


def _unused(before: datetime) -> Sequence[tuple[Any, ColumnElement[bool]]]:
    """Of both tables of keys: which of them nothing is left of once payloads are deleted."""
    later = PayloadRow.event_id >= first_event_id(before)
    of_patient = exists().where(PayloadRow.patient == PatientRow.pid, later)
    of_period = exists().where(PayloadRow.period == PeriodRow.period, later)
    moment = rfc3339(before)
    return (
        (
            PatientRow,
            and_(PatientRow.created_at < moment, ~_is_held(PatientRow.pid), ~of_patient),
        ),
        (PeriodRow, and_(PeriodRow.period < moment[:7], ~of_period)),
    )


def count_due(connection: Connection, before: datetime) -> Gone:
    """What is due before a moment."""
    conditions = ((PayloadRow, _expired(before)), *_unused(before))
    payloads, patients, periods = (
        connection.execute(select(func.count()).select_from(model).where(condition)).scalar_one()
        for model, condition in conditions
    )
    return Gone(payloads=payloads, patients=patients, periods=periods)


def delete_payloads(connection: Connection, before: datetime) -> int:
    """Delete some of them; how many. None are left when that is 0."""
    some = select(PayloadRow.event_id).where(_expired(before)).limit(AT_ONCE)
    found = connection.execute(some.order_by(PayloadRow.event_id)).scalars().all()
    connection.execute(delete(PayloadRow).where(PayloadRow.event_id.in_(found)))
    return len(found)


def delete_keys(connection: Connection, before: datetime) -> None:
    """Delete the keys that nothing is left of."""
    for model, condition in _unused(before):
        connection.execute(delete(model).where(condition))
