"""What people change of their own account: the first sign-in, and later another password."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, update

from cds_service.audit.canonical import rfc3339
from cds_service.audit.database import reporting_failures
from cds_service.audit.log import AuditLog
from cds_service.reviewer.accounts.account import AccountRefused, stored, user_of
from cds_service.reviewer.accounts.administration import By, entry_of
from cds_service.reviewer.accounts.models import AccountRow
from cds_service.reviewer.accounts.passwords import check_new_password
from cds_service.reviewer.accounts.proofs import Proofs
from cds_service.reviewer.accounts.second_factor import Enrolment
from cds_service.reviewer.accounts.sessions import end_sessions

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPassword:
    """A password that somebody chose, typed twice."""

    password: str = field(repr=False)
    again: str = field(repr=False)


class OwnAccount:
    """Changes of one's own account. They end all its sessions.

    Methods raise AccountRefused for what may not be, and AuditFailure when the database fails.
    """

    def __init__(self, engine: Engine, audit_log: AuditLog, proofs: Proofs, clock: Clock) -> None:
        self._engine, self._log = engine, audit_log
        self._passwords, self._factors = proofs.passwords, proofs.factors
        self._clock = clock

    def enrolment(self, name: str) -> Enrolment | None:
        """The secret to put into an app, the same in a session; None where a code was shown."""
        with reporting_failures(), self._engine.begin() as connection:
            row = stored(connection, name, to_change=True)
            if row is None or row.totp_counter is not None:
                return None
            if row.totp is None:
                row.totp = self._factors.new(name)
                mine = update(AccountRow).where(AccountRow.name == name)
                connection.execute(mine.values(totp=row.totp))
        return self._factors.enrolment(name, row.totp)

    def complete(self, name: str, new: NewPassword, code: str, request_id: str) -> None:
        """Complete a first sign-in: a password of their own, and a code where none was shown yet.

        Args:
            name: who has proven the one-time password.
            new: the password.
            code: of the new second factor.
            request_id: of the request.
        """
        row = self._row(name)
        values: dict[str, Any] = {}
        if row.totp_counter is None:
            now_s = self._clock().timestamp()
            counter = row.totp and self._factors.counter_of(name, row.totp, code, now_s)
            if counter is None:
                raise AccountRefused(
                    "the code does not fit: take the one that the app shows now, and see that the "
                    "clock of its device is right"
                )
            values["totp_counter"] = counter
        self._replace(row, new, values, By(user=user_of(name), request_id=request_id))

    def change_password(self, name: str, new: NewPassword, request_id: str) -> None:
        """Another password, for who has proven the present one (SignIn.prove)."""
        self._replace(self._row(name), new, {}, By(user=user_of(name), request_id=request_id))

    def _replace(self, row: AccountRow, new: NewPassword, values: dict[str, Any], by: By) -> None:
        name, before = row.name, row.password_hash
        if new.password != new.again:
            raise AccountRefused("the new password was typed in two ways: type it twice alike")
        check_new_password(new.password, name)
        if self._passwords.fits(new.password, before):
            raise AccountRefused("the new password is the old one: take another")
        values |= {
            "password_hash": self._passwords.hash(new.password),
            "one_time_until": None,
            "changed_at": rfc3339(self._clock()),
        }

        def change(connection: Connection) -> None:
            mine = update(AccountRow).where(
                AccountRow.name == name, AccountRow.password_hash == before
            )
            if connection.execute(mine.values(values)).rowcount != 1:
                raise AccountRefused("the account was changed meanwhile: sign in again")
            end_sessions(connection, name)

        action = "account-enrolled" if "totp_counter" in values else "account-password-changed"
        self._log.append_administration(entry_of(by, action, name), change)

    def _row(self, name: str) -> AccountRow:
        with reporting_failures(), self._engine.begin() as connection:
            row = stored(connection, name)
        if row is None or row.password_hash is None:
            raise AccountRefused("this account has no password here")
        return row
