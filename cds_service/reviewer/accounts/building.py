"""Accounts as the settings have them: everything that signs people in, for one process."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Engine

from cds_service.audit.database import open_engine
from cds_service.audit.entries import AccessEntry
from cds_service.audit.ids import new_event_id
from cds_service.audit.log import AuditLog
from cds_service.keys.service import KeyService
from cds_service.reviewer.accounts.account import Account, Register
from cds_service.reviewer.accounts.administration import Administration
from cds_service.reviewer.accounts.oidc import Provider, provider_of
from cds_service.reviewer.accounts.own import OwnAccount
from cds_service.reviewer.accounts.passwords import Passwords
from cds_service.reviewer.accounts.proofs import Proofs
from cds_service.reviewer.accounts.provided import ProvidedAccounts
from cds_service.reviewer.accounts.second_factor import SecondFactors
from cds_service.reviewer.accounts.sessions import Sessions
from cds_service.reviewer.accounts.signing_in import SignIn
from cds_service.reviewer.accounts.tries import FailedTries
from cds_service.settings import Settings


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """What the pages about accounts and sign-in work with."""

    engine: Engine
    log: AuditLog
    register: Register
    sessions: Sessions
    administration: Administration
    sign_in: SignIn
    own: OwnAccount
    tries: FailedTries
    provided: ProvidedAccounts
    provider: Provider | None  # None: there are local accounts alone

    def let_in(self, account: Account, by: str, request_id: str) -> str:
        """Record a sign-in, then begin the session; returns its cookie.

        Args:
            account: who has proven who they are.
            by: with what: "password", "one-time password" or "identity provider".
            request_id: of the request.
        """
        entry = AccessEntry(
            event_id=new_event_id(),
            request_id=request_id,
            user=account.user,
            roles=sorted(account.roles),
            page="login",
            outcome="seen",
            filters={"by": by},
        )
        self.log.append_access(entry)
        return self.sessions.open(account.name)

    def close(self) -> None:
        """Close all connections; the log is closed afterwards, by whoever opened it."""
        self.tries.close()
        self.engine.dispose()


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountParts:
    """What accounts are built around."""

    log: AuditLog  # of the same database as in the settings
    keys: KeyService
    passwords: Passwords
    clock: Callable[[], datetime] = _now


def build_accounts(settings: Settings, parts: AccountParts) -> Accounts:
    """Put them together. Nothing is connected yet.

    The engine's commits do not wait for the disk: a power cut forgets the sessions and counted
    tries of its last moment. Changes of accounts go through the audit log's own, which does wait.
    """
    engine, log, clock = open_engine(settings.database_url, durable=False), parts.log, parts.clock
    tries = FailedTries(log)
    proofs = Proofs(passwords=parts.passwords, factors=SecondFactors(parts.keys), tries=tries)
    return Accounts(
        engine=engine,
        log=log,
        register=Register(engine),
        sessions=Sessions(engine, clock),
        administration=Administration(log, parts.passwords, clock),
        sign_in=SignIn(engine, proofs, clock),
        own=OwnAccount(engine, log, proofs, clock),
        tries=tries,
        provided=ProvidedAccounts(engine, log, clock),
        provider=provider_of(settings, parts.keys, clock),
    )
