"""Reading knowledge tables: whole, checked and named by their hash, or refused."""

import hashlib
from collections.abc import Iterable
from importlib.resources import files
from typing import TypeVar

from pydantic import BaseModel, ValidationError

Shape = TypeVar("Shape", bound=BaseModel)


class KnowledgeError(ValueError):
    """A knowledge table cannot be used: no rule runs on half a table."""

    def __init__(self, table: str, found: str) -> None:
        super().__init__(
            f"knowledge table {table}: {found}; "
            "restore it from the package, or correct it as data/SOURCE.md describes"
        )


def shipped(name: str) -> bytes:
    """The bytes of a table of this package, or KnowledgeError."""
    try:
        return (files("medication_safety") / "data" / name).read_bytes()
    except OSError as error:
        raise KnowledgeError(name, "it cannot be read") from error


def parsed(shape: type[Shape], name: str, raw: bytes) -> Shape:
    """A table in its shape, or KnowledgeError: nothing missing, nothing unknown."""
    try:
        return shape.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"]) or "the file"
        raise KnowledgeError(name, f"{where}: {first['msg']}") from error


def refuse_unknown(name: str, named: Iterable[str], known: Iterable[str]) -> None:
    """Raise KnowledgeError where a table names a group that is not there."""
    if unknown := sorted(set(named) - set(known)):
        raise KnowledgeError(name, f"it names groups that no table has: {', '.join(unknown)}")


def version_of(*raw: bytes) -> str:
    """What names some tables: "draft " and the first 12 hex digits of their hash."""
    digest = hashlib.sha256()
    for one in raw:
        digest.update(hashlib.sha256(one).digest())
    return f"draft {digest.hexdigest()[:12]}"


def source_of(title: str, version: str, basis: str) -> str:
    """How a finding names what it rests on, within the 120 characters of a card's source."""
    return f"{title} ({version}, not reviewed): {basis}"
