"""The table of the app's sessions. Rows go when their half hour is over, or anybody is erased."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from cds_service.audit.models import Base


class SmartSessionRow(Base):
    """One session. Who reads this table can neither go on with it nor read its token."""

    __tablename__ = "smart_session"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)  # SHA-256 of the cookie
    sealed: Mapped[bytes]  # the session, token and all; see sessions.py
    expires_at: Mapped[str] = mapped_column(String(27), index=True)  # RFC 3339 in UTC
