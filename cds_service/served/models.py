"""The table that finds the events of what was served: see ``v0011_stops.py``."""

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from cds_service.audit.models import Base


class ServedRow(Base):
    """One change of what is served. Its number is free for one process alone."""

    __tablename__ = "served"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # from 1
    event_id: Mapped[str] = mapped_column(ForeignKey("event.event_id"))  # which says what changed
