"""Entries as canonical JSON: sorted keys, UTF-8, no spaces, nothing that a database refuses.

PostgreSQL takes neither NUL nor half a surrogate pair in text, and JSON has no NaN. An event must
not be lost over them, so they are written out (a NUL as the six characters ``\\u0000``, NaN as the
string "NaN") and the place is listed, so that a reader can tell the change from the original.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from typing import Any

_AS_IS = frozenset({bool, int, type(None)})
_NUL = b"\\u0000"  # how JSON writes it
_UNWRITABLE = re.compile("[\x00\ud800-\udfff]")


def rfc3339(moment: datetime) -> str:
    """The moment in UTC with microseconds, always 27 characters: as text it sorts by time."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def to_plain(value: object, changed: list[str], path: tuple[object, ...] = ()) -> Any:
    """Turn a value into plain JSON types, writing out what cannot be stored as it is.

    Args:
        value: None, bool, int, float, str, date, datetime, a mapping, list, tuple or dataclass.
        changed: receives the path of every string or number that was written out.
        path: where the value stands, for example ("cards", 0, "summary").

    Raises:
        TypeError: the value holds something else, which is a mistake of the caller.
    """
    if _is_plain(value):
        return value
    if isinstance(value, str | float):
        return _scalar(value, changed, path)
    if isinstance(value, date):
        return rfc3339(value) if isinstance(value, datetime) else value.isoformat()
    return _container(value, changed, path)


def _is_plain(value: Any) -> bool:
    """Whether a value can be stored as it is: most can, and to look is far cheaper than to copy."""
    kind = type(value)
    if kind is str:
        return _UNWRITABLE.search(value) is None
    if kind is float:
        return math.isfinite(value)
    if kind is dict:
        named = all(type(key) is str and _is_plain(key) for key in value)
        return named and all(map(_is_plain, value.values()))
    return all(map(_is_plain, value)) if kind is list else kind in _AS_IS


def _scalar(value: str | float, changed: list[str], path: tuple[object, ...]) -> str | float:
    written = _finite(value) if isinstance(value, float) else escape(value)
    if written is not value:
        changed.append(escape(".".join(map(str, path))))
    return written


def _finite(number: float) -> str | float:
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else ("Infinity" if number > 0 else "-Infinity")


def escape(text: str) -> str:
    """The text with what no database takes written out."""
    if _UNWRITABLE.search(text) is None:
        return text
    return _UNWRITABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _container(value: object, changed: list[str], path: tuple[object, ...]) -> Any:
    if isinstance(value, list | tuple):
        items = enumerate(value)
        return [to_plain(item, changed, (*path, index)) for index, item in items]
    if is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in fields(value)}
    if not isinstance(value, Mapping):
        where = ".".join(map(str, path)) or "the entry"
        raise TypeError(
            f"{where} holds a {type(value).__name__}, which is not JSON: "
            "pass strings, numbers, dates, mappings, lists or dataclasses of these"
        )
    return {
        _scalar(str(key), changed, (*path, key)): to_plain(item, changed, (*path, key))
        for key, item in value.items()
    }


def canonical_bytes(plain: Mapping[str, Any]) -> bytes:
    """The one spelling of a body. Stored as it is: a proof never has to make it again."""
    return _written(plain)


def canonical(values: Mapping[str, Any]) -> tuple[Mapping[str, Any], bytes]:
    """Values as they are stored, and their canonical JSON.

    Nearly always all of it can be written as it is, and C code looks for that. Otherwise it is gone
    through, and the places that were written out are added to the member `escaped`.

    Args:
        values: what to_plain() takes.

    Returns:
        The values, of which every string and number is as in the JSON, and that.
    """
    try:
        written = _written(values)
    except ValueError:  # NaN, or half a surrogate pair
        written = _NUL
    if _NUL not in written:
        return values, written
    escaped: list[str] = []
    plain = to_plain({name: one for name, one in values.items() if name != "escaped"}, escaped)
    plain["escaped"] = [*values.get("escaped", ()), *escaped]
    return plain, _written(plain)


def _written(values: Mapping[str, Any]) -> bytes:
    return json.dumps(
        values,
        sort_keys=True,
        ensure_ascii=False,
        allow_nan=False,
        separators=(",", ":"),
        default=_as_json,
    ).encode()


def _as_json(value: object) -> Any:
    """One level of what JSON does not know, as to_plain() has it."""
    if isinstance(value, date):
        return rfc3339(value) if isinstance(value, datetime) else value.isoformat()
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    return dict(value) if isinstance(value, Mapping) else to_plain(value, [])
