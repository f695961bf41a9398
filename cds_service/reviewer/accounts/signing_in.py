"""Signing in with a password and a code, both at once, so that no answer tells which was wrong.

What counts against guessing: a try is counted before it is looked at, so that tries side by side
count too; after FREE failures in a row the account waits, twice as long each time.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, or_, update

from cds_service.audit.canonical import rfc3339
from cds_service.audit.database import reporting_failures
from cds_service.reviewer.accounts.account import NAME, Account, account_of, stored, user_of
from cds_service.reviewer.accounts.models import AccountRow
from cds_service.reviewer.accounts.proofs import Proofs
from cds_service.reviewer.accounts.tries import NOBODY

FREE = 4  # failures in a row without a wait
FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(minutes=15)

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What somebody typed."""

    name: str = field(repr=False)  # may be a password in the wrong field
    password: str = field(repr=False)
    code: str = field(repr=False)  # of the second factor; not looked at before there is one


class SignIn:
    """Finds out whether somebody is who they say."""

    def __init__(self, engine: Engine, proofs: Proofs, clock: Clock) -> None:
        self._engine = engine
        self._passwords, self._factors = proofs.passwords, proofs.factors
        self._tries = proofs.tries
        self._clock = clock

    def prove(self, shown: Shown, request_id: str) -> Account | None:
        """The account whose password and code these are, or None, without a word why.

        An account at its first sign-in proves itself with the one-time password alone, once; see
        Account.is_ready. A name that nobody has takes the same steps.

        Raises:
            TooManyTries: too many fail at this process.
            AuditFailure: the database does not do its part.
        """
        self._tries.check()
        now = self._clock()
        row = self._count(shown.name, now)  # 1. the try counts
        usable = row if row and self._may_try(row, now) else None
        counter = self._counter(usable, shown.code, now)  # 2. both proofs are looked at
        fits = self._passwords.fits(shown.password, usable.password_hash if usable else None)
        needs_code = usable is not None and usable.totp_counter is not None
        if usable is not None and fits and (counter is not None or not needs_code):
            if self._settle(usable, counter, shown.password):  # 3. the code is used up
                return account_of(usable)
        self._tries.note(user_of(row.name) if row else NOBODY, request_id)
        return None

    def _count(self, name: str, now: datetime) -> AccountRow | None:
        """Count a try of an account that may be tried now; its row as it was before."""
        known = name if NAME.fullmatch(name) else ""
        with reporting_failures(), self._engine.begin() as connection:
            row = stored(connection, known, to_change=True)
            failures = (row.failures if row else 0) + 1
            wait = _wait(failures)
            free = or_(AccountRow.locked_until.is_(None), AccountRow.locked_until <= rfc3339(now))
            counted = update(AccountRow).where(AccountRow.name == known, free)
            until = rfc3339(now + wait) if wait else None
            connection.execute(counted.values(failures=failures, locked_until=until))
        return row

    def _may_try(self, row: AccountRow, now: datetime) -> bool:
        moment = rfc3339(now)
        is_locked = row.locked_until is not None and row.locked_until > moment
        is_late = row.one_time_until is not None and row.one_time_until <= moment
        return not is_locked and not is_late and row.disabled_at is None

    def _counter(self, row: AccountRow | None, code: str, now: datetime) -> int | None:
        if row is None or row.totp is None:
            return None
        return self._factors.counter_of(row.name, row.totp, code, now.timestamp())

    def _settle(self, row: AccountRow, counter: int | None, password: str) -> bool:
        """Forget the failures and use the proofs up; False when one was used before."""
        mine = update(AccountRow).where(
            AccountRow.name == row.name,
            AccountRow.password_hash == row.password_hash,
            AccountRow.one_time_until.is_not_distinct_from(row.one_time_until),
        )
        values: dict[str, Any] = {"failures": 0, "locked_until": None}
        if row.one_time_until is not None:  # its time ends here; the session goes on alone
            values["one_time_until"] = rfc3339(self._clock())
        if row.totp_counter is None:  # nobody has shown a code of it: who saw it has nothing
            values["totp"] = None
        if row.totp_counter is not None:
            mine = mine.where(AccountRow.totp_counter < counter)
            values["totp_counter"] = counter
        if self._passwords.is_outdated(str(row.password_hash)):
            values["password_hash"] = self._passwords.hash(password)
        with reporting_failures(), self._engine.begin() as connection:
            return connection.execute(mine.values(values)).rowcount == 1


def _wait(failures: int) -> timedelta | None:
    """How long nobody may try after so many failures in a row."""
    if failures <= FREE:
        return None
    doubled = min(failures - FREE - 1, 10)  # beyond, it is the longest anyway
    return min(FIRST_WAIT * (1 << doubled), LONGEST_WAIT)
