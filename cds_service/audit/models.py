"""The tables of the audit log.

Rows of event, card, feedback, leaf, tile and head are added, never updated or deleted: triggers
refuse both. What is protected stands in payload, encrypted; its rows and the keys that open them
may be deleted, which changes no event.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from cds_service.audit.typed import make_strict

NAMING_CONVENTION = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """The tables of the audit log, every constraint named."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)


def table_of(model: type[Base]) -> Table:
    """The table of a model."""
    table = model.__table__
    assert isinstance(table, Table)  # noqa: S101 - of a class that is mapped to a table
    return table


class EventRow(Base):
    """One event: a decision, a feedback or an error, committed before the reply."""

    __tablename__ = "event"
    __table_args__ = (CheckConstraint("length(event_id) = 36", name="event_id_is_a_uuid"),)

    event_id: Mapped[str] = mapped_column(String(36), primary_key=True)  # UUIDv7: sorts by time
    kind: Mapped[str]  # decision, feedback or error
    recorded_at: Mapped[str]  # RFC 3339 in UTC, the same characters as in body
    service_id: Mapped[str | None]
    hook: Mapped[str | None]
    hook_instance: Mapped[str | None] = mapped_column(index=True)  # a retry repeats it
    client: Mapped[str]
    user_ref: Mapped[str | None]
    patient: Mapped[str | None] = mapped_column(String(32), index=True)  # PatientRow.pid
    outcome: Mapped[str]  # one of bodies.OUTCOMES
    card_count: Mapped[int]
    status: Mapped[int]  # of the HTTP answer
    body: Mapped[bytes]  # canonical JSON without anything of a patient; columns are parts of it


class CardRow(Base):
    """Which decision a card was sent with: how feedback finds its decision."""

    __tablename__ = "card"

    card_uuid: Mapped[str] = mapped_column(String(255), primary_key=True)
    event_id: Mapped[str] = mapped_column(ForeignKey("event.event_id"), index=True)


class FeedbackRow(Base):
    """One outcome of one card. A repeated report of the same outcome is not a second row."""

    __tablename__ = "feedback"
    __table_args__ = (UniqueConstraint("card_uuid", "outcome", "outcome_timestamp"),)

    event_id: Mapped[str] = mapped_column(ForeignKey("event.event_id"), primary_key=True)
    card_uuid: Mapped[str] = mapped_column(String(255))  # as reported: may be none of ours
    outcome: Mapped[str]
    outcome_timestamp: Mapped[str]  # RFC 3339 in UTC: one spelling of one moment
    decision_event_id: Mapped[str | None] = mapped_column(
        ForeignKey("event.event_id"), index=True
    )  # None: no card of ours has this uuid


class PatientRow(Base):
    """One patient of one client, and the key of all that is kept of them. Deleted: forgotten."""

    __tablename__ = "patient"
    __table_args__ = (UniqueConstraint("pid"),)

    lookup: Mapped[str] = mapped_column(String(64), primary_key=True)  # HMAC of client and id
    pid: Mapped[str] = mapped_column(String(32))  # random; stands for them in events
    key_id: Mapped[str] = mapped_column(String(64))  # the tenant key that wrapped the key
    wrapped_key: Mapped[bytes]
    created_at: Mapped[str]  # RFC 3339 in UTC


class PeriodRow(Base):
    """One month, and the key of what was kept in it without a patient."""

    __tablename__ = "period"

    period: Mapped[str] = mapped_column(String(7), primary_key=True)  # for example 2026-11
    key_id: Mapped[str] = mapped_column(String(64))
    wrapped_key: Mapped[bytes]
    created_at: Mapped[str]


class PayloadRow(Base):
    """What is protected of one event, under the key of its patient or else of its month."""

    __tablename__ = "payload"
    __table_args__ = (
        CheckConstraint("(patient IS NULL) <> (period IS NULL)", name="one_key"),
        # a key that is gone takes no payload: who erases a patient and who writes of them meet here
        ForeignKeyConstraint(["patient"], ["patient.pid"], name="fk_payload_patient_patient"),
    )

    event_id: Mapped[str] = mapped_column(ForeignKey("event.event_id"), primary_key=True)
    patient: Mapped[str | None] = mapped_column(String(32), index=True)
    period: Mapped[str | None] = mapped_column(ForeignKey("period.period"), index=True)
    ciphertext: Mapped[bytes]  # nonce, AES-256-GCM and tag of compressed JSON; see payloads.py


class HoldRow(Base):
    """A legal hold: what is under it is neither purged nor erased."""

    __tablename__ = "hold"

    subject: Mapped[str] = mapped_column(String(32), primary_key=True)  # a pid, or "all"
    placed_at: Mapped[str]


class LeafRow(Base):
    """Where in the Merkle tree an event stands."""

    __tablename__ = "leaf"

    leaf_index: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    event_id: Mapped[str] = mapped_column(ForeignKey("event.event_id"), unique=True)
    leaf_hash: Mapped[bytes]  # RFC 6962: SHA-256(0x00 || body)


class TileRow(Base):
    """256 hashes of the tree side by side, as tlog-tiles has them. Only full tiles are kept."""

    __tablename__ = "tile"

    level: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    tile_index: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    hashes: Mapped[bytes]  # of the nodes at height 8 * level


class HeadRow(Base):
    """A signed head; see checkpoint.py."""

    __tablename__ = "head"

    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    tree_size: Mapped[int] = mapped_column(BigInteger)
    note: Mapped[str]


LOG = tuple(
    table_of(model)
    for model in (
        *(EventRow, CardRow, FeedbackRow, PayloadRow, PatientRow, PeriodRow, HoldRow),
        *(LeafRow, TileRow, HeadRow),
    )
)
make_strict(LOG)
