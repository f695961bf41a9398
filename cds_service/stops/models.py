"""The table of the stop switch: see ``audit/migrations/versions/v0011_stops.py``."""

from sqlalchemy import CheckConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from cds_service.audit.models import Base, table_of
from cds_service.audit.typed import make_strict


class StopRow(Base):
    """A service or a rule that is switched off. The row goes when it is switched on again."""

    __tablename__ = "stop"
    __table_args__ = (CheckConstraint("scope IN ('service', 'rule')", name="scope_is_known"),)

    scope: Mapped[str] = mapped_column(String(16), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    since: Mapped[str]  # RFC 3339 in UTC
    by_user: Mapped[str]  # the account, or "operator"


TABLES = (table_of(StopRow),)
make_strict(TABLES)
