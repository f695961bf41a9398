"""The tables of counts behind the pages on overrides and drift."""

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from cds_service.audit.models import Base


class OverrideCountRow(Base):
    """Cards of one month in one cell, of one facet: see outcomes.py.

    A card stands once in each facet, and in several cells of it when it is about several
    medications: only cells of one facet and one rule or medication may be added up.
    """

    __tablename__ = "override_count"
    __table_args__ = (
        Index("ix_override_count_rxcui", "facet", "rxcui", "month"),
        {"sqlite_with_rowid": False},
    )

    facet: Mapped[str] = mapped_column(String(10), primary_key=True)  # a value of outcomes.Facet
    rule: Mapped[str] = mapped_column(String(64), primary_key=True)  # "": any, or none
    month: Mapped[str] = mapped_column(String(7), primary_key=True)  # the card was shown in
    rxcui: Mapped[str] = mapped_column(String(64), primary_key=True)  # "": any, or none
    service_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    client: Mapped[str] = mapped_column(String(255), primary_key=True)
    model: Mapped[str] = mapped_column(String(100), primary_key=True)  # name and version
    reason: Mapped[str] = mapped_column(String(64), primary_key=True)  # of overridden; else ""
    shown: Mapped[int]
    accepted: Mapped[int]
    overridden: Mapped[int]
    contradicted: Mapped[int]  # cards whose reports do not agree; the first one counts


class CardOutcomeRow(Base):
    """What became of a card, by the first report that counts."""

    __tablename__ = "card_outcome"

    card_uuid: Mapped[str] = mapped_column(String(255), primary_key=True)
    outcome: Mapped[str]  # accepted or overridden
    is_contradicted: Mapped[bool]  # by a later report


class DriftDayRow(Base):
    """What the calls of one day were like, in counts: see drift.py."""

    __tablename__ = "drift_day"

    day: Mapped[str] = mapped_column(String(10), primary_key=True)  # UTC
    service_id: Mapped[str] = mapped_column(String(64), primary_key=True)  # "": none of ours
    model: Mapped[str] = mapped_column(String(100), primary_key=True)  # "": an error, before one
    counts: Mapped[str]  # JSON: measure to bin to count
