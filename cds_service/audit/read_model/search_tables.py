"""What the reviewers' pages search in.

Filters of few values (client, service, outcome and the like) are told apart by a group: one row for
each combination that there is, some hundreds in all. Every index ends in (group_id, event_id), so
that the newest events of one group are the end of an index, and those of any choice of groups are
merged from such ends: no search has to read what it does not show.
"""

from sqlalchemy import BigInteger, Index, Integer, String, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from cds_service.audit.models import Base

_EventId = Uuid(as_uuid=False)  # 16 bytes on PostgreSQL; sorts as the text does


class GroupRow(Base):
    """One combination of what has few values. Numbered from 1, in the order of their coming."""

    __tablename__ = "search_group"

    group_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    kind: Mapped[str]
    client: Mapped[str]
    service_id: Mapped[str | None]
    hook: Mapped[str | None]
    outcome: Mapped[str]
    model: Mapped[str | None]  # of a decision: name and version
    detail: Mapped[str | None]  # which page, change or error


class SearchRow(Base):
    """One event, as a list of events shows it."""

    __tablename__ = "search_event"
    __table_args__ = (
        Index("ix_search_event_group", "group_id", "event_id"),
        Index("ix_search_event_patient", "patient", "group_id", "event_id"),
        Index("ix_search_event_user", "user_ref", "group_id", "event_id"),
        Index("ix_search_event_request", "request_id", "event_id"),
    )

    event_id: Mapped[str] = mapped_column(_EventId, primary_key=True)
    group_id: Mapped[int]
    recorded_at: Mapped[str]  # RFC 3339 in UTC
    user_ref: Mapped[str | None]
    patient: Mapped[str | None] = mapped_column(String(32))  # the pid; of a look, whose it was at
    request_id: Mapped[str | None]
    card_count: Mapped[int]
    about: Mapped[str]  # JSON, rows of rule, RxNorm code, 1 when shown or 0 when suppressed


class TermRow(Base):
    """An event by a rule, a medication, or a rule with a medication."""

    __tablename__ = "search_term"

    term: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    group_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    event_id: Mapped[str] = mapped_column(_EventId, primary_key=True)


class SavedFilterRow(Base):
    """A search that somebody will make again. Never one for a patient; no projection."""

    __tablename__ = "saved_filter"

    account: Mapped[str] = mapped_column(String(255), primary_key=True)
    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    query: Mapped[str]  # as it stands in the address of the page
