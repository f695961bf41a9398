"""The registered clients: those of the database and those of a file, as one list.

A process keeps the list for a few seconds. When the database does not answer, the list goes on for
a minute, and then nobody passes: a client that was disabled must not go on for longer.
A row that is no client any more is set aside, and the others go on.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, RowMapping, delete, insert, select, update

from cds_service.audit.canonical import rfc3339
from cds_service.audit.database import AuditFailure, reporting_failures
from cds_service.clients.client import (
    KNOWN_BY,
    ClientRefused,
    RegisteredClient,
    client_from,
)
from cds_service.clients.clients_file import ClientsFile
from cds_service.clients.listed import Broken, Listed, Registered, definition_of, read_row
from cds_service.clients.models import ClientRow

log = structlog.get_logger()

FRESH_S = 5.0
ROW_BROKEN = "its row cannot be read; `lamo-cds clients list` names it and says why"
USABLE_S = 60.0


@dataclass(frozen=True, slots=True)
class Told:
    """What is said of a change."""

    action: str  # as the audit log names it
    client: str
    members: Sequence[str]  # of its definition: which are changed, never their values


Change = Callable[[Connection], None]
Commit = Callable[[Told, Change], None]


class ClientRegistry:
    """Reads and changes the registry. Its methods raise AuditFailure when the database fails."""

    def __init__(
        self,
        engine: Engine,
        clients_file: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
        commit: Commit | None = None,
    ) -> None:
        """Open the registry.

        Args:
            engine: of its database.
            clients_file: of clients beside those of the database.
            clock: tells how old the list is.
            commit: makes a change, with an event of the audit log where that is written; by
                default in a transaction of its own, without a word.
        """
        self._engine = engine
        self._commit = commit or self._change
        self._reader = engine.execution_options(sqlite_begin="BEGIN")  # takes no writer's lock
        self._file = ClientsFile(clients_file) if clients_file else None
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: tuple[Listed, ...] = ()
        self._broken: tuple[Broken, ...] = ()
        self._read_at: float | None = None

    def by_issuer(self, issuer: str) -> Listed | None:
        """The client whose tokens have this issuer, disabled or not."""
        return next((one for one in self._usable() if one.client.issuer == issuer), None)

    def by_certificate(self, subject: str) -> Listed | None:
        """The client whose certificate has this subject, disabled or not."""
        return next((one for one in self._usable() if one.client.certificate == subject), None)

    def by_name(self, name: str) -> Listed | None:
        """The client of a name, disabled or not."""
        return next((one for one in self._usable() if one.client.name == name), None)

    def by_launch(self, iss: str) -> Listed | None:
        """The client whose evidence app is launched by a FHIR server.

        None where it is nobody's, and where it is that of two: whose patient it is would be a
        guess.
        """
        found = [one for one in self._usable() if one.client.is_launched_by(iss)]
        return found[0] if len(found) == 1 else None

    def _usable(self) -> Iterator[Listed]:
        return (one for one in self.current() if not one.clash)

    def current(self) -> tuple[Listed, ...]:
        """All clients, at most FRESH_S old, or USABLE_S while the database does not answer."""
        with self._lock:
            if self._is_younger(FRESH_S):
                return self._kept
            try:
                found = self.look()
                self._kept, self._read_at = found.listed, self._clock()
                self._tell(found.broken)
            except AuditFailure:
                if not self._is_younger(USABLE_S):
                    raise
            return self._kept

    def list_all(self) -> tuple[Listed, ...]:
        """All clients as they stand now, by name."""
        return self.look().listed

    def look(self) -> Registered:
        """All clients as they stand now, and the rows that are none."""
        with reporting_failures(), self._reader.begin() as connection:
            return self._all(connection)

    def _tell(self, broken: tuple[Broken, ...]) -> None:
        """Log what is set aside, once and not every few seconds."""
        for one in broken:
            if one not in self._broken:
                log.error("client_set_aside", why=ROW_BROKEN)
        self._broken = broken

    def add(self, client: RegisteredClient) -> None:
        """Register a client.

        Raises:
            ClientRefused: its name, issuer or certificate is another's.
        """

        def change(connection: Connection) -> None:
            found = self._all(connection)
            _check_free(client, found.listed)
            if client.name in [one.name for one in found.broken]:
                raise _taken(client, "name")
            connection.execute(insert(ClientRow), _row(client))

        members = sorted(client.model_dump(exclude_defaults=True).keys() - {"name"})
        self._commit(Told("add-client", client.name, members), change)

    def change(self, name: str, action: str = "set-client", **members: Any) -> None:
        """Replace members of a client's definition.

        Args:
            name: of the client.
            action: how the audit log names it.
            members: what is replaced.

        Raises:
            ClientRefused: the database has no such client, or it would not be valid.
        """

        def change(connection: Connection) -> None:
            before = definition_of(_stored(connection, name))
            client = client_from(before | {"name": name} | members)
            found = self._all(connection).listed
            _check_free(client, [one for one in found if one.client.name != name])
            connection.execute(update(ClientRow).filter_by(name=name).values(_row(client)))

        self._commit(Told(action, name, sorted(members)), change)

    def set_disabled(self, name: str, *, disabled: bool) -> None:
        """Stop taking calls of a client, or take them again.

        Raises:
            ClientRefused: the database has no such client.
        """
        now = rfc3339(datetime.now(UTC))

        def change(connection: Connection) -> None:
            _stored(connection, name)
            values = {"disabled_at": now if disabled else None, "changed_at": now}
            connection.execute(update(ClientRow).filter_by(name=name).values(values))

        action = "disable-client" if disabled else "enable-client"
        self._commit(Told(action, name, ("disabled_at",)), change)

    def remove(self, name: str) -> None:
        """Forget a client.

        Raises:
            ClientRefused: the database has no such client.
        """

        def change(connection: Connection) -> None:
            _stored(connection, name)
            connection.execute(delete(ClientRow).filter_by(name=name))

        self._commit(Told("remove-client", name, ()), change)

    def _change(self, told: Told, change: Change) -> None:
        del told
        with reporting_failures(), self._engine.begin() as connection:
            change(connection)

    def _all(self, connection: Connection) -> Registered:
        rows = [read_row(row) for row in connection.execute(_ROWS).mappings()]
        stored = [one for one in rows if isinstance(one, Listed)]
        broken = tuple(one for one in rows if isinstance(one, Broken))
        names = [one.name for one in broken]
        clients = self._file.clients() if self._file else ()
        of_file = [_of_file(client, stored, names) for client in clients]
        listed = sorted((*stored, *of_file), key=lambda one: one.client.name)
        return Registered(listed=tuple(listed), broken=broken)

    def _is_younger(self, age_s: float) -> bool:
        return self._read_at is not None and self._clock() - self._read_at < age_s


def clients_of_file(path: Path | None) -> tuple[Listed, ...]:
    """The clients of a file alone, while there is no database.

    Raises:
        ClientRefused: the file cannot be used; says where.
    """
    clients = ClientsFile(path).clients() if path else ()
    return tuple(_of_file(client, (), ()) for client in clients)


def _of_file(client: RegisteredClient, stored: Sequence[Listed], broken: Sequence[str]) -> Listed:
    clash = _shared(client, stored) or ("name" if client.name in broken else "")
    return Listed(client=client, source="file", clash=clash)


_ROWS = select(
    ClientRow.name, ClientRow.definition, ClientRow.changed_at, ClientRow.disabled_at
).order_by(ClientRow.name)


def _shared(client: RegisteredClient, others: Sequence[Listed]) -> str:
    """The member that a client shares with another one, by which they could not be told apart."""
    known = ((member, client.known_by(member)) for member in KNOWN_BY)
    shared = (
        member
        for member, value in known
        if value is not None and any(one.client.known_by(member) == value for one in others)
    )
    return next(shared, "")


def _check_free(client: RegisteredClient, others: Sequence[Listed]) -> None:
    if member := _shared(client, others):
        raise _taken(client, member)


def _taken(client: RegisteredClient, member: str) -> ClientRefused:
    return ClientRefused(
        f"client {client.name!r}: another client has the same {member}; see `lamo-cds clients list`"
    )


def _stored(connection: Connection, name: str) -> RowMapping:
    row = connection.execute(_ROWS.where(ClientRow.name == name)).mappings().one_or_none()
    if row is None:
        raise ClientRefused(
            f"the database has no client {name!r}: take a name from `lamo-cds clients list`; "
            "one of a file is changed in the file"
        )
    return row


def _row(client: RegisteredClient) -> dict[str, Any]:
    definition = client.model_dump(mode="json", exclude_defaults=True)
    return {
        "name": client.name,
        "definition": json.dumps(definition, ensure_ascii=False),
        "changed_at": rfc3339(datetime.now(UTC)),
    }
