"""The tables of accounts and sessions. Unlike the audit log's, their rows change and go.

They stand in its database, so that a change and the event that tells of it are one transaction: see
``audit/migrations/versions/v0007_accounts.py``.
"""

from sqlalchemy import BigInteger, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from cds_service.audit.models import Base, table_of
from cds_service.audit.typed import make_strict


class AccountRow(Base):
    """One person, with a password and second factor of ours, or of the identity provider."""

    __tablename__ = "account"
    __table_args__ = (UniqueConstraint("subject"),)

    name: Mapped[str] = mapped_column(String(64), primary_key=True)  # see account.NAME
    subject: Mapped[str | None] = mapped_column(String(64))  # SHA-256 of the provider's iss and sub
    roles: Mapped[str]  # sorted, parted by spaces
    password_hash: Mapped[str | None]  # Argon2id with its parameters; None for the provider's
    one_time_until: Mapped[str | None] = mapped_column(
        String(27)
    )  # None: the password is their own
    totp: Mapped[bytes | None]  # sealed secret; see second_factor.py
    totp_counter: Mapped[int | None] = mapped_column(BigInteger)  # last used; None: not enrolled
    failures: Mapped[int]  # tries in a row
    locked_until: Mapped[str | None] = mapped_column(String(27))
    disabled_at: Mapped[str | None] = mapped_column(String(27))
    created_at: Mapped[str] = mapped_column(String(27))  # RFC 3339 in UTC, as all times here
    changed_at: Mapped[str] = mapped_column(String(27))


class SessionRow(Base):
    """One session. Who reads this table cannot go on with any of them."""

    __tablename__ = "session"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)  # SHA-256 of the cookie
    account: Mapped[str] = mapped_column(ForeignKey("account.name"), index=True)
    csrf: Mapped[str]
    created_at: Mapped[str] = mapped_column(String(27))
    seen_at: Mapped[str] = mapped_column(String(27))
    expires_at: Mapped[str] = mapped_column(String(27))


TABLES = (table_of(AccountRow), table_of(SessionRow))
make_strict(TABLES)
