"""The tables of the audit log. Rows are added, never updated or deleted: triggers refuse both."""

from sqlalchemy import CheckConstraint, ForeignKey, MetaData, String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

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
    patient_id: Mapped[str | None] = mapped_column(index=True)
    outcome: Mapped[str]  # one of bodies.OUTCOMES
    card_count: Mapped[int]
    status: Mapped[int]  # of the HTTP answer
    body: Mapped[bytes]  # canonical JSON of everything; the columns above are parts of it


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
