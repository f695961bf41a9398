"""One account as pages and commands see it."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import get_args

from sqlalchemy import Connection, Engine, select

from cds_service.audit.database import reporting_failures
from cds_service.reviewer.accounts.models import AccountRow
from cds_service.reviewer.roles import ROLES, Role

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)  # nothing that a page or a log escapes
OF_PROVIDER = "sso."  # how names begin that the identity provider brought, and no others


class AccountRefused(Exception):  # noqa: N818 - a situation, named as such
    """An account cannot be made or changed like this; says why, to whoever asked for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One person, without what proves who they are."""

    name: str
    roles: frozenset[Role]
    is_local: bool  # has a password and second factor here, and not at the identity provider
    is_enrolled: bool  # has shown a code of their second factor once
    one_time_until: str | None  # RFC 3339 in UTC; None: the password is their own
    locked_until: str | None
    disabled_at: str | None
    created_at: str
    changed_at: str

    @property
    def user(self) -> str:
        """How the audit log names them."""
        return user_of(self.name)

    @property
    def is_ready(self) -> bool:
        """Whether they may see pages: a first sign-in has to be completed before."""
        return not self.is_local or (self.is_enrolled and self.one_time_until is None)


def user_of(name: str) -> str:
    """How the audit log names an account."""
    return f"account/{name}"


def check_name(name: str) -> None:
    """Return when a new account may have this name.

    Raises:
        AccountRefused: it may not. What was typed is not repeated: it may be a password.
    """
    if NAME.fullmatch(name) is None or name.startswith(OF_PROVIDER):
        raise AccountRefused(
            "the name cannot be used: wanted 1 to 64 of a-z, 0-9, dot, dash and underscore, "
            f"beginning with a letter or digit and not with {OF_PROVIDER!r}"
        )


def checked_roles(words: Collection[str]) -> frozenset[Role]:
    """The roles of these names.

    Raises:
        AccountRefused: there is none, or one is no role.
    """
    found = frozenset(role for role in get_args(Role) if role in words)
    if not found or len(found) != len(set(words)):
        raise AccountRefused(f"wanted one or more of these roles: {', '.join(ROLES)}")
    return found


def written_roles(roles: Collection[Role]) -> str:
    """As column `roles` has them."""
    return " ".join(sorted(roles))


def account_of(row: AccountRow) -> Account:
    """What a row says."""
    return Account(
        name=row.name,
        roles=frozenset(role for role in get_args(Role) if role in row.roles.split()),
        is_local=row.subject is None,
        is_enrolled=row.totp_counter is not None,
        one_time_until=row.one_time_until,
        locked_until=row.locked_until,
        disabled_at=row.disabled_at,
        created_at=row.created_at,
        changed_at=row.changed_at,
    )


def stored(connection: Connection, name: str, *, to_change: bool = False) -> AccountRow | None:
    """The row of a name; locked until the transaction ends where it is to be changed."""
    query = select(AccountRow.__table__).where(AccountRow.name == name)
    row = connection.execute(query.with_for_update() if to_change else query).mappings().first()
    return AccountRow(**row) if row else None


class Register:
    """Reads accounts. Its methods raise AuditFailure when the database fails."""

    def __init__(self, engine: Engine) -> None:
        self._reader = engine.execution_options(sqlite_begin="BEGIN")  # takes no writer's lock

    def find(self, name: str) -> Account | None:
        """The account of a name."""
        with reporting_failures(), self._reader.begin() as connection:
            row = stored(connection, name)
        return account_of(row) if row else None

    def list_all(self) -> Sequence[Account]:
        """All accounts, by name."""
        with reporting_failures(), self._reader.begin() as connection:
            rows = connection.execute(select(AccountRow.__table__).order_by(AccountRow.name))
            return [account_of(AccountRow(**row)) for row in rows.mappings()]
