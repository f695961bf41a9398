"""Accounts of people whom the identity provider vouches for: made when they come first."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, Engine, insert, select, update

from cds_service.audit.canonical import rfc3339
from cds_service.audit.database import reporting_failures
from cds_service.audit.log import AuditLog
from cds_service.reviewer.accounts.account import (
    OF_PROVIDER,
    Account,
    account_of,
    user_of,
    written_roles,
)
from cds_service.reviewer.accounts.administration import By, entry_of
from cds_service.reviewer.accounts.models import AccountRow
from cds_service.reviewer.accounts.sessions import end_sessions
from cds_service.reviewer.roles import Role

TELLING = 8  # hex digits of the subject that stand in a name
LONGEST_CALLED = 40  # characters of what the provider calls somebody

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vouched:
    """Whom the provider vouches for, and for what."""

    issuer: str
    subject: str  # of the issuer: these two together are one person for ever (OIDC Core 5.7)
    called: str = field(repr=False)  # what a person would recognise; not to be relied on
    roles: frozenset[Role]

    @property
    def digest(self) -> str:
        """As column `subject` has the person."""
        both = f"{self.issuer}\0{self.subject}"
        return hashlib.sha256(both.encode("utf-8", "surrogatepass")).hexdigest()

    @property
    def name(self) -> str:
        """The account's name, which no local account can have and no two people share."""
        plain = re.sub(r"[^a-z0-9._-]+", "-", self.called.casefold().partition("@")[0])
        called = plain.strip("-.")[:LONGEST_CALLED] or "user"
        return f"{OF_PROVIDER}{called}.{self.digest[:TELLING]}"


class ProvidedAccounts:
    """Finds or makes them. Raises AuditFailure when the database fails."""

    def __init__(self, engine: Engine, audit_log: AuditLog, clock: Clock) -> None:
        self._engine = engine
        self._log = audit_log
        self._clock = clock

    def welcome(self, who: Vouched, request_id: str) -> Account | None:
        """The account, with the roles that the provider gives now; None: it is disabled."""
        row = self._find(who)
        name = row.name if row else who.name
        by = By(user=user_of(name), request_id=request_id)
        told = {"roles": sorted(who.roles), "by": "identity provider"}
        if row is None:
            entry = entry_of(by, "account-added", name, told)
            self._log.append_administration(entry, lambda connection: self._add(connection, who))
        elif row.disabled_at is not None:
            return None
        elif row.roles != written_roles(who.roles):
            entry = entry_of(by, "account-roles", name, told)
            self._log.append_administration(
                entry, lambda connection: self._set_roles(connection, name, who.roles)
            )
        found = self._find(who)
        return account_of(found) if found and found.disabled_at is None else None

    def _find(self, who: Vouched) -> AccountRow | None:
        query = select(AccountRow.__table__).where(AccountRow.subject == who.digest)
        with reporting_failures(), self._engine.begin() as connection:
            row = connection.execute(query).mappings().first()
        return AccountRow(**row) if row else None

    def _add(self, connection: Connection, who: Vouched) -> None:
        now = rfc3339(self._clock())
        row = {"name": who.name, "subject": who.digest, "roles": written_roles(who.roles)}
        row |= {"created_at": now, "changed_at": now}
        connection.execute(insert(AccountRow), row | {"failures": 0})

    def _set_roles(self, connection: Connection, name: str, roles: frozenset[Role]) -> None:
        mine = update(AccountRow).where(AccountRow.name == name)
        values = {"roles": written_roles(roles), "changed_at": rfc3339(self._clock())}
        connection.execute(mine.values(values))
        end_sessions(connection, name)
