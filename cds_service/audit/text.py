"""A body as indented text, for a person at a terminal."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

_FIRST = ("event_id", "kind", "outcome", "status", "recorded_at", "hook", "service_id", "client")
_INDENT = "  "


def printable(text: str) -> str:
    """The text without control characters: what is stored must not steer a terminal."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def render_body(body: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of a body, the fields that name the event first."""
    names = [name for name in _FIRST if name in body]
    names += [name for name in body if name not in names]
    for name in names:
        yield from _render(printable(name), body[name], "")


def _render(name: str, value: Any, indent: str) -> Iterator[str]:
    if not isinstance(value, dict | list):
        yield f"{indent}{name}: {_scalar(value)}"
    elif not value:
        yield f"{indent}{name}: none"
    elif isinstance(value, dict):
        yield f"{indent}{name}:"
        for key, item in value.items():
            yield from _render(printable(key), item, indent + _INDENT)
    else:
        yield f"{indent}{name}:"
        for item in value:
            yield from _render_item(item, indent + _INDENT)


def _render_item(item: Any, indent: str) -> Iterator[str]:
    if not isinstance(item, dict):
        yield f"{indent}- {_scalar(item)}"
    elif not any(isinstance(value, dict | list) for value in item.values()):
        cells = (f"{printable(key)}={_scalar(value)}" for key, value in item.items())
        yield f"{indent}- {'  '.join(cells)}"
    else:
        yield f"{indent}-"
        for key, value in item.items():
            yield from _render(printable(key), value, indent + _INDENT)


def _scalar(value: Any) -> str:
    return printable(value) if isinstance(value, str) else json.dumps(value)
