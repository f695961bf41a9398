"""Changes of accounts: each is an event of the audit log, in the same transaction."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, insert, select, update

from cds_service.audit.canonical import rfc3339
from cds_service.audit.entries import AdministrationEntry
from cds_service.audit.ids import new_event_id
from cds_service.audit.log import AuditLog, Change
from cds_service.reviewer.accounts.account import (
    AccountRefused,
    account_of,
    check_name,
    stored,
    user_of,
    written_roles,
)
from cds_service.reviewer.accounts.models import AccountRow
from cds_service.reviewer.accounts.passwords import Passwords, new_one_time_password
from cds_service.reviewer.accounts.sessions import end_sessions
from cds_service.reviewer.roles import Role

NOTHING: Mapping[str, Any] = MappingProxyType({})
ONE_TIME = timedelta(hours=72)  # that an administrator's password is good for

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class By:
    """Who makes a change."""

    user: str  # as the audit log names them
    request_id: str | None  # None at the command line


class Administration:
    """Makes and changes accounts of others.

    Methods raise AccountRefused for what may not be, and AuditFailure when the database fails.
    """

    def __init__(self, audit_log: AuditLog, passwords: Passwords, clock: Clock) -> None:
        self._log = audit_log
        self._passwords = passwords
        self._clock = clock

    def add(self, name: str, roles: frozenset[Role], by: By) -> str:
        """Make an account; returns the one-time password, which is kept nowhere."""
        check_name(name)
        values, password = self._one_time()

        def change(connection: Connection) -> None:
            if stored(connection, name) is not None:
                raise AccountRefused(f"there is an account {name!r} already: take another name")
            now = self._now()
            row = {"name": name, "roles": written_roles(roles), "created_at": now}
            connection.execute(insert(AccountRow), row | {"changed_at": now} | values)

        self._record(by, "account-added", name, change, {"roles": sorted(roles)})
        return password

    def set_roles(self, name: str, roles: frozenset[Role], by: By) -> None:
        """Give an account other roles; its sessions end."""

        def change(connection: Connection) -> None:
            row = _to_change(connection, name, by)
            if row.subject is not None:
                raise AccountRefused(f"the roles of {name!r} come from the identity provider")
            if "administrator" not in roles:
                _keep_one_administrator(connection, name)
            self._write(connection, name, {"roles": written_roles(roles)})

        self._record(by, "account-roles", name, change, {"roles": sorted(roles)})

    def disable(self, name: str, by: By) -> None:
        """Let nobody sign in to an account; its sessions end."""

        def change(connection: Connection) -> None:
            _to_change(connection, name, by)
            _keep_one_administrator(connection, name)
            self._write(connection, name, {"disabled_at": self._now()})

        self._record(by, "account-disabled", name, change)

    def enable(self, name: str, by: By) -> None:
        """Let somebody sign in to a disabled account again."""

        def change(connection: Connection) -> None:
            _to_change(connection, name, by)
            self._write(connection, name, {"disabled_at": None})

        self._record(by, "account-enabled", name, change)

    def reset(self, name: str, by: By, *, with_factor: bool) -> str:
        """Give an account a one-time password, which is returned; its sessions end.

        Args:
            name: of the account.
            by: who does it.
            with_factor: forget the second factor too. Never alone: who enrols the next one has to
                hold something that was handed over.
        """
        values, password = self._one_time()
        if with_factor:
            values |= {"totp": None, "totp_counter": None}

        def change(connection: Connection) -> None:
            if _to_change(connection, name, by).subject is not None:
                raise AccountRefused(f"{name!r} signs in at the identity provider: reset it there")
            self._write(connection, name, values)

        what = "account-second-factor-reset" if with_factor else "account-password-reset"
        self._record(by, what, name, change)
        return password

    def _one_time(self) -> tuple[dict[str, Any], str]:
        password = new_one_time_password()
        values = {
            "password_hash": self._passwords.hash(password),
            "one_time_until": rfc3339(self._clock() + ONE_TIME),
            "failures": 0,
            "locked_until": None,
        }
        return values, password

    def _write(self, connection: Connection, name: str, values: Mapping[str, Any]) -> None:
        mine = update(AccountRow).where(AccountRow.name == name)
        connection.execute(mine.values({**values, "changed_at": self._now()}))
        end_sessions(connection, name)

    def _record(
        self, by: By, action: str, name: str, change: Change, details: Mapping[str, Any] = NOTHING
    ) -> None:
        self._log.append_administration(entry_of(by, action, name, details), change)

    def _now(self) -> str:
        return rfc3339(self._clock())


def entry_of(
    by: By, action: str, name: str, details: Mapping[str, Any] = NOTHING
) -> AdministrationEntry:
    """What the audit log is told of a change of an account."""
    return AdministrationEntry(
        event_id=new_event_id(),
        request_id=by.request_id,
        user=by.user,
        action=action,
        subject=user_of(name),
        details=details,
    )


def _to_change(connection: Connection, name: str, by: By) -> AccountRow:
    """The row of an account, locked, that is there and another's."""
    if by.user == user_of(name):
        raise AccountRefused("nobody changes their own account here: ask another administrator")
    row = stored(connection, name, to_change=True)
    if row is None:
        raise AccountRefused("there is no such account: take a name from the list of accounts")
    return row


def _keep_one_administrator(connection: Connection, name: str) -> None:
    """Return when another is left who can sign in; of two who remove each other, one waits here.

    Whose first sign-in is not completed stands in for nobody who can: the one-time password may
    run out.
    """
    query = (
        select(AccountRow.__table__)
        .where(AccountRow.disabled_at.is_(None))
        .order_by(AccountRow.name)
        .with_for_update()
    )
    found = [account_of(AccountRow(**row)) for row in connection.execute(query).mappings()]
    left = {one.name: one.is_ready for one in found if "administrator" in one.roles}
    is_ready = left.pop(name, None)
    if is_ready is not None and not (any(left.values()) if is_ready else left):
        raise AccountRefused(
            f"{name!r} is the last administrator: make another one first, who has signed in, or "
            "nobody could"
        )
