"""The keys of the audit log: one for each patient of a client, one for each month without one.

Each is random, wrapped by the tenant's keys, and stands in one row; without that row nothing opens
what was encrypted under it. None is kept in memory beyond the work that it was read for.

A patient's key is wrapped for the pid and the lookup of its row, so that in another patient's row
it opens nothing. Keys of older releases were wrapped for the pid alone: see whose.py.
"""

import hmac
import json
import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, select

from cds_service.audit.canonical import escape, rfc3339
from cds_service.audit.database import AuditFailure
from cds_service.audit.models import PatientRow, PeriodRow
from cds_service.keys.service import KEY_BYTES, KeyService, NotOpened, WrappedKey

TAG_DIGITS = 32  # of a basis: 128 bits


@dataclass(frozen=True, slots=True, kw_only=True)
class Whom:
    """A patient: the same id at another client is another one."""

    client: str
    patient_id: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DataKey:
    """A key that payloads are encrypted under, and whose it is."""

    key: bytes = field(repr=False)
    patient: str | None = None  # the pid; None for the key of a month
    lookup: str | None = None  # what that patient is found by
    is_bound: bool = True  # to the lookup; False: wrapped by an older release, for the pid alone
    period: str | None = None
    row: Mapping[str, Any] | None = None  # to be inserted with the event, when the key is new

    def tag(self, text: str) -> str:
        """What stands for a text in a body: alike for alike, and without the key nothing."""
        if not text:
            return ""
        mac = hmac.digest(
            self.key, b"lamo audit tag 1\0" + text.encode("utf-8", "replace"), "sha256"
        )
        return mac.hex()[:TAG_DIGITS]


_PATIENT = select(PatientRow.pid, PatientRow.lookup, PatientRow.key_id, PatientRow.wrapped_key)
_BY_LOOKUP = _PATIENT.where(PatientRow.lookup == bindparam("lookup"))
_PERIOD = select(PeriodRow.period, PeriodRow.key_id, PeriodRow.wrapped_key)
_BY_PERIOD = _PERIOD.where(PeriodRow.period == bindparam("period"))


class Vault:
    """Finds, makes and unwraps the keys. Says AuditFailure when the tenant's keys do not fit."""

    def __init__(self, keys: KeyService) -> None:
        self._keys = keys

    def lookup(self, whom: Whom) -> str:
        """What a patient is found by, which tells nothing without the tenant's keys."""
        named = json.dumps([whom.client, escape(whom.patient_id)])
        return self._keys.pseudonym("audit patient", named)

    def pseudonym(self, kind: str, text: str) -> str:
        """Stands for a text that no patient's key covers."""
        return self._keys.pseudonym(f"audit {kind}", text)

    def patient_key(self, connection: Connection, whom: Whom, now: datetime) -> DataKey:
        """The key of a patient; a new one, with its row, for one who was not seen before."""
        known = self.known_key(connection, whom)
        if known is not None:
            return known
        key = DataKey(
            key=secrets.token_bytes(KEY_BYTES),
            patient=secrets.token_hex(16),
            lookup=self.lookup(whom),
        )
        return replace(key, row={"lookup": key.lookup, "pid": key.patient, **self._row(key, now)})

    def known_key(self, connection: Connection, whom: Whom) -> DataKey | None:
        """The key of a patient; None for one who was not seen before."""
        key = {"lookup": self.lookup(whom)}
        found = connection.execute(_BY_LOOKUP, key).one_or_none()
        return None if found is None else self.of_patient(*found)

    def period_key(self, connection: Connection, now: datetime) -> DataKey:
        """The key of a month; a new one, with its row, in a new month."""
        period = rfc3339(now)[:7]
        found = connection.execute(_BY_PERIOD, {"period": period}).one_or_none()
        if found is not None:
            return self.of_period(*found)
        key = DataKey(key=secrets.token_bytes(KEY_BYTES), period=period)
        return replace(key, row={"period": period, **self._row(key, now)})

    def keys_of(self, connection: Connection, pids: Collection[str]) -> Mapping[str, DataKey]:
        """The keys of patients by pid, those left out that were erased."""
        if not pids:
            return {}
        found = connection.execute(_PATIENT.where(PatientRow.pid.in_(set(pids))))
        return {row.pid: self.of_patient(*row) for row in found}

    def keys_of_periods(
        self, connection: Connection, periods: Collection[str]
    ) -> Mapping[str, DataKey]:
        """The keys of months by name."""
        if not periods:
            return {}
        found = connection.execute(_PERIOD.where(PeriodRow.period.in_(set(periods))))
        return {row.period: self.of_period(*row) for row in found}

    def of_patient(self, pid: str, lookup: str, key_id: str, wrapped: bytes) -> DataKey:
        """The key of a patient's row, which opens in that row alone."""
        for context, is_bound in ((_of_patient(pid, lookup), True), (_of_pid(pid), False)):
            try:
                key = self._keys.unwrap(WrappedKey(key_id=key_id, wrapped=wrapped), context)
            except NotOpened as failed:
                closed = failed
            else:
                return DataKey(key=key, patient=pid, lookup=lookup, is_bound=is_bound)
        raise AuditFailure(
            f"the key of a patient cannot be used: {closed}; or the row was made another "
            "patient's: `lamo-cds audit verify` names the rows"
        )

    def of_period(self, period: str, key_id: str, wrapped: bytes) -> DataKey:
        """The key of a month's row."""
        return DataKey(key=self._unwrapped(key_id, wrapped, _of_period(period)), period=period)

    def check(self, connection: Connection) -> None:
        """Return when one key of every tenant key unwraps; AuditFailure when one does not."""
        for kind in self.kinds():
            one_each = select(func.min(kind.name)).group_by(kind.model.key_id)
            for row in connection.execute(kind.query.where(kind.name.in_(one_each))):
                kind.read(*row)

    def kinds(self) -> tuple["Kind", "Kind"]:
        """Both tables of keys."""
        return (
            Kind(model=PatientRow, name=PatientRow.pid, query=_PATIENT, read=self.of_patient),
            Kind(model=PeriodRow, name=PeriodRow.period, query=_PERIOD, read=self.of_period),
        )

    def rewrapped(self, key: DataKey) -> dict[str, Any]:
        """The columns of the same key, wrapped by the tenant's newest."""
        wrapped = self._keys.wrap(key.key, _context(key))
        return {"key_id": wrapped.key_id, "wrapped_key": wrapped.wrapped}

    def _row(self, key: DataKey, now: datetime) -> dict[str, Any]:
        return {**self.rewrapped(key), "created_at": rfc3339(now)}

    def _unwrapped(self, key_id: str, wrapped: bytes, context: str) -> bytes:
        try:
            return self._keys.unwrap(WrappedKey(key_id=key_id, wrapped=wrapped), context)
        except NotOpened as closed:
            raise AuditFailure(f"a key of the audit log cannot be used: {closed}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A table of keys, and how its rows are read."""

    model: type[PatientRow | PeriodRow]
    name: Any  # the column that events name it by
    query: Select[*tuple[Any, ...]]  # of what `read` takes, the name first
    read: Callable[..., DataKey]  # raises AuditFailure where the key does not unwrap


def _context(key: DataKey) -> str:
    """What a key is wrapped for."""
    if key.patient is None:
        return _of_period(str(key.period))
    return _of_patient(key.patient, str(key.lookup)) if key.is_bound else _of_pid(key.patient)


def _of_patient(pid: str, lookup: str) -> str:
    return f"audit patient {pid} found by {lookup}"


def _of_pid(pid: str) -> str:
    return f"audit patient {pid}"


def _of_period(period: str) -> str:
    return f"audit period {period}"
