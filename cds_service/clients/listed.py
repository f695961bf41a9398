"""A row of the registry, read into a client or set aside with what is wrong with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cds_service.audit.text import printable
from cds_service.audit.typed import parsed
from cds_service.clients.client import ClientRefused, RegisteredClient, client_from

MEND = "mend it with `lamo-cds clients set`, or `lamo-cds clients remove` it and add it again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A client with its standing."""

    client: RegisteredClient
    source: str  # "database" or "file"
    changed_at: str | None = None  # RFC 3339 in UTC; None for one of the file
    disabled_at: str | None = None
    clash: str = ""  # what it has in common with another: then this one, of the file, is set aside


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A row of the database that is no client any more: nobody passes by it."""

    name: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """All that the registry holds, by name."""

    listed: tuple[Listed, ...]
    broken: tuple[Broken, ...]


def read_row(row: Mapping[Any, Any]) -> Listed | Broken:
    """A row as the client that it is, or why it is none; it may hold anything in SQLite."""
    name = row["name"]
    if not isinstance(name, str):
        return Broken(name=ascii(name), why="name: wanted text")
    times = row["changed_at"], row["disabled_at"]
    if not all(time is None or isinstance(time, str) for time in times):
        return Broken(name=name, why="changed_at or disabled_at: wanted text")
    definition = definition_of(row)
    if definition.get("name") != name:
        return Broken(name=name, why="definition: wanted the JSON of a client of this name")
    try:
        client = client_from(definition)
    except ClientRefused as refused:
        return Broken(name=name, why=str(refused))
    return Listed(client=client, source="database", changed_at=times[0], disabled_at=times[1])


def definition_of(row: Mapping[Any, Any]) -> dict[str, Any]:
    """What is kept of a client, unchecked; nothing where that is no JSON object."""
    definition = row["definition"]
    return (parsed(definition.encode()) if isinstance(definition, str) else None) or {}


def told_broken(broken: tuple[Broken, ...]) -> str:
    """Which clients are set aside, in a few words."""
    names = ", ".join(printable(one.name) for one in broken)
    return f"set aside, and their calls refused: {names}; `lamo-cds clients list` says why"
