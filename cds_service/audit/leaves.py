"""Verifying a stretch of leaves with their events. Other stretches are another process's.

This is where a verification spends its time, so what is as it should be is passed over in few
steps, and what is not is told apart afterwards.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from pydantic_core import from_json
from sqlalchemy import Connection, Select, select, text

from cds_service.audit.bodies import search_columns
from cds_service.audit.database import read_driver_rows
from cds_service.audit.findings import Findings
from cds_service.audit.forgotten import Forgotten
from cds_service.audit.links import Links
from cds_service.audit.merkle import leaf_hash
from cds_service.audit.models import LOG, EventRow, LeafRow, PatientRow, PayloadRow, PeriodRow
from cds_service.audit.read_model.comparing import Derived
from cds_service.audit.read_model.following import Followed
from cds_service.audit.read_model.tables import PROJECTION
from cds_service.audit.snapshot import snapshot as one_state
from cds_service.audit.typed import pass_over
from cds_service.audit.unsequenced import id_ms

READ_AT_ONCE = 4096  # rows
TYPED = (*LOG, PROJECTION)  # the tables that a verification reads value by value
_SEARCHED = [column for column in EventRow.__table__.columns if column.name != "body"]
_NAMES = [column.name for column in _SEARCHED]
_QUICK = select(LeafRow.leaf_index, LeafRow.event_id, LeafRow.leaf_hash, EventRow.body).outerjoin(
    EventRow, EventRow.event_id == LeafRow.event_id
)
_STORED = (
    PayloadRow.ciphertext,
    PayloadRow.patient,
    PayloadRow.period,
    PatientRow.pid,
    PeriodRow.period,
)
_WHOLE = (
    _QUICK.add_columns(*_STORED, *_SEARCHED)
    .outerjoin(PayloadRow, PayloadRow.event_id == LeafRow.event_id)
    .outerjoin(PatientRow, PatientRow.pid == PayloadRow.patient)
    .outerjoin(PeriodRow, PeriodRow.period == PayloadRow.period)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Leaves that follow each other."""

    first: int  # leaf index of the first
    last: int  # and of the last
    place: int  # how many leaves there are before the first one
    not_before: Sequence[tuple[int, float]]  # at a place and behind: ms since 1970, ascending
    places: Mapping[str, int]  # of the projections; see read_model/comparing.py
    forgotten: Forgotten | None  # what may be gone; None: bytes, places and hashes alone
    is_past_types: bool = False  # values of wrong types were told, and are passed over


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What was found of a stretch."""

    hashes: list[bytes] = field(default_factory=list)  # of the leaves, in order, from the bytes
    findings: Findings = field(default_factory=Findings)
    # by process its numbers, each with its event, and those that were told as unused
    numbers: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    unused: list[tuple[str, int]] = field(default_factory=list)
    rows: Counter[str] = field(default_factory=Counter)  # of the read model, by table
    # events without a number, and whether one before them in this stretch has one
    unnumbered: list[tuple[str, bool]] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """Tables beside the tree that are worked out from the same bodies."""

    links: Links
    derived: Derived

    def compare(self) -> None:
        """Compare the rows of the events that were seen since the last time."""
        self.links.compare()
        self.derived.compare()


def check_elsewhere(database_url: str, snapshot: str | None, stretch: Stretch) -> Checked:
    """Check a stretch in another process, which sees the same state of the log.

    Args:
        database_url: of the database.
        snapshot: what pg_export_snapshot() gave; None on SQLite, where leaves only come behind.
        stretch: to be checked.
    """
    with one_state(database_url) as connection:
        if snapshot is not None:
            connection.execute(text(f"SET TRANSACTION SNAPSHOT '{snapshot}'"))
        if stretch.is_past_types:
            pass_over(connection, TYPED)
        return check_stretch(connection, stretch)


def check_stretch(connection: Connection, stretch: Stretch) -> Checked:
    """Check every leaf of a stretch, and its event."""
    checked = Checked()
    beside = Beside(
        links=Links(connection, checked.findings),
        derived=Derived(connection, checked.findings, stretch.places),
    )
    floors, floor = list(reversed(stretch.not_before)), 0.0
    for place, row in enumerate(_rows(connection, stretch, beside), stretch.place):
        while floors and floors[-1][0] <= place:
            floor = floors.pop()[1]
        index, event_id, stored, body = row[:4]
        leaf = stored if body is None else leaf_hash(body)
        if index != place or leaf != stored or body is None or id_ms(event_id) < floor:
            _tell(checked.findings, place, floor, row)
        if body is not None and stretch.forgotten is not None:
            _check_event(checked, beside, stretch.forgotten, row)
        checked.hashes.append(leaf)
    checked.rows.update(beside.derived.rows)
    return checked


def _rows(connection: Connection, stretch: Stretch, beside: Beside) -> Iterator[Sequence[Any]]:
    """Of each leaf its index, event id and hash; of its event body, payload and columns."""
    query: Select[*tuple[Any, ...]] = _QUICK if stretch.forgotten is None else _WHOLE
    query = query.order_by(LeafRow.leaf_index).limit(READ_AT_ONCE)
    first = stretch.first
    while True:
        of_these = LeafRow.leaf_index.between(first, stretch.last)
        rows = read_driver_rows(connection, query.where(of_these))
        yield from rows
        beside.compare()
        if len(rows) < READ_AT_ONCE:
            return
        first = rows[-1][0] + 1


def _tell(findings: Findings, place: int, floor: float, row: Sequence[Any]) -> None:
    index, event_id, stored, body = row[:4]
    where = f"leaf {index}, event {event_id}"
    if index != place:
        findings.add("index", f"{where}: wanted leaf {place} here")
    if body is None:
        findings.add("index", f"{where}: there is no such event")
    elif leaf_hash(body) != stored:
        findings.add("leaves", f"{where}: its bytes are not those that got this place")
    if id_ms(event_id) < floor:
        findings.add("dates", f"{where}: is older than a head of fewer than {place + 1} leaves")


def _check_event(
    checked: Checked, beside: Beside, forgotten: Forgotten, row: Sequence[Any]
) -> None:
    index, event_id, _, data, *rest = row
    payload, columns = rest[: len(_STORED)], rest[len(_STORED) :]
    where = f"leaf {index}, event {event_id}"
    try:
        body = from_json(data)
        wanted = search_columns(body)
        beside.links.see(event_id, body)
        _count(checked, event_id, body.get("worker"))
        beside.derived.see(Followed(leaf_index=index, event_id=event_id, body=body))
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError):
        checked.findings.add("columns", f"{where}: its bytes are no event")
        return
    if told := _wrong_payload(forgotten, event_id, body, payload):
        checked.findings.add("payloads", f"{where}: {told}")
    if [wanted[name] for name in _NAMES] != columns:
        for name, value in zip(_NAMES, columns, strict=True):
            if wanted[name] != value:
                told = f"{where}: {name} is not what its bytes say"
                checked.findings.add("columns", told)


def _wrong_payload(
    forgotten: Forgotten, event_id: str, body: Mapping[str, Any], payload: Sequence[Any]
) -> str | None:
    """What is wrong. Feedback on a card of a patient who was erased before never had one."""
    ciphertext, patient, period, *keys = payload
    named = body.get("payload_sha256")
    if ciphertext is not None:
        if sha256(ciphertext).hexdigest() != named:
            return "its payload is not the one that it names"
        if patient != body.get("patient") or (patient is None) == (period is None):
            return "its payload is said to be of another patient or of none"
        return None if keys == [patient, period] else "the key of its payload is gone"
    if named is None or forgotten.covers(event_id, body.get("patient")):
        return None
    return "its payload is gone, and no erasure or purge was of it"


def _count(checked: Checked, event_id: str, worker: Any) -> None:
    if worker is None:  # of a release that did not number them, if none before has a number
        checked.unnumbered.append((event_id, bool(checked.numbers)))
        return
    process, number = str(worker["id"]), int(worker["counter"])
    checked.numbers.setdefault(process, []).append((number, event_id))
    checked.unused.extend((process, int(one)) for one in worker.get("unused", ()))
