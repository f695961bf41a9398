"""The file of clients, read again when it changes."""

import tomllib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog

from cds_service.clients.client import (
    KNOWN_BY,
    ClientRefused,
    RegisteredClient,
    client_from,
    read_keys_file,
)

log = structlog.get_logger()


class ClientsFile:
    """The clients of a TOML file. A change that cannot be read leaves them as they were."""

    def __init__(self, path: Path) -> None:
        """Read the file.

        Raises:
            ClientRefused: it cannot be used; says where.
        """
        self._path = path
        self._changed_at = self._stamp()
        self._clients = read_clients_file(path)

    def clients(self) -> tuple[RegisteredClient, ...]:
        """What the file holds, or held before a change that cannot be used."""
        stamp = self._stamp()
        if stamp != self._changed_at:
            self._changed_at = stamp
            try:
                self._clients = read_clients_file(self._path)
            except ClientRefused as refused:
                log.error("clients_file_not_read", error=type(refused).__name__)
        return self._clients

    def _stamp(self) -> int | None:
        try:
            return self._path.stat().st_mtime_ns
        except OSError:
            return None


def read_clients_file(path: Path) -> tuple[RegisteredClient, ...]:
    """The clients of a TOML file, each a table [[client]] with the members of RegisteredClient.

    Raises:
        ClientRefused: the file cannot be read or used; says where.
    """
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ClientRefused(f"the clients file {path} cannot be read: {error}") from None
    tables = content.pop("client", [])
    is_tables = isinstance(tables, list) and all(isinstance(table, dict) for table in tables)
    if content or not is_tables:
        raise ClientRefused(f"the clients file {path} may hold [[client]] tables and nothing else")
    clients = tuple(client_from(_with_keys(table, path.parent)) for table in tables)
    for member in KNOWN_BY:
        counts = Counter(client.known_by(member) for client in clients)
        twice = [value for value, count in counts.items() if value is not None and count > 1]
        if twice:
            raise ClientRefused(
                f"the clients file {path}: two clients have the {member} {twice[0]!r}"
            )
    return clients


def _with_keys(table: Mapping[str, Any], folder: Path) -> Mapping[str, Any]:
    """Replace the name of a key file by what it holds."""
    if not isinstance(table.get("jwks"), str):
        return table
    return {**table, "jwks": read_keys_file(folder / table["jwks"])}
