"""The tables of the client registry. Unlike the audit log's, their rows change and go.

They stand in the database of the audit log: see ``audit/migrations/versions/v0004_clients.py``.
"""

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from cds_service.audit.models import Base


class ClientRow(Base):
    """One client that `lamo-cds clients` registered."""

    __tablename__ = "client"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    definition: Mapped[str]  # JSON of a `RegisteredClient`
    changed_at: Mapped[str]  # RFC 3339 in UTC
    disabled_at: Mapped[str | None]  # RFC 3339 in UTC; None while it may call


class SeenTokenRow(Base):
    """A token that was taken: its jti may not come again until it has expired."""

    __tablename__ = "seen_token"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)  # SHA-256 of client and jti
    expires_at: Mapped[int] = mapped_column(BigInteger, index=True)  # seconds since 1970


class RefusedTokenRow(Base):
    """Tokens of one client that were refused for one reason within one minute.

    A row a minute and reason, not one a request: a flood of bad tokens must not fill the database.
    """

    __tablename__ = "refused_token"

    minute: Mapped[str] = mapped_column(String(27), primary_key=True)  # RFC 3339 in UTC
    client: Mapped[str] = mapped_column(String(64), primary_key=True)  # "" for no registered one
    reason: Mapped[str] = mapped_column(String(32), primary_key=True)  # one of refused.REASONS
    count: Mapped[int]
    detail: Mapped[str]  # of the last one: what was found and wanted, without the token
    request_id: Mapped[str]  # of the last one
