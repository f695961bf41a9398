"""Strict reading of JSON that strangers send: one meaning, bounded depth, no surprises later."""

import json
import math
import re
from collections.abc import Callable
from itertools import accumulate
from typing import Any

from cds_service.errors import MalformedRequest

MAX_DEPTH = 100  # FHIR nests a few dozen levels; Python's parser gives up near a thousand
STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
UNWANTED = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")  # escapes of NUL and of surrogates
NOT_BRACKETS = bytes(set(range(256)) - set(STEPS))


class JsonRefused(ValueError):  # noqa: N818 - a situation
    """The bytes are no JSON that this service reads; says what was found."""


def read_json(body: bytes) -> Any:
    """Parse UTF-8 JSON, refusing what parsers read differently.

    Duplicate keys, NaN, Infinity, numbers beyond a double and nesting deeper than MAX_DEPTH are
    refused. NUL and lone surrogates, which databases and encoders choke on, become U+FFFD.

    Raises:
        JsonRefused: says what was found, without repeating any of it.
    """
    if _depth(body) > MAX_DEPTH:
        raise JsonRefused(f"JSON nested deeper than {MAX_DEPTH} levels")
    try:
        value = json.loads(
            body.decode("utf-8-sig"),
            object_pairs_hook=_unique,
            parse_constant=_no_constant,
            parse_float=_finite,
        )
    except UnicodeDecodeError:
        raise JsonRefused("bytes that are not UTF-8") from None
    except JsonRefused:
        raise
    except ValueError:
        raise JsonRefused("text that is not JSON" if body.strip() else "an empty body") from None
    return _scrubbed(value) if UNWANTED.search(body) else value


def read_json_object(body: bytes) -> dict[str, Any]:
    """Parse the body of a call, which has to be one JSON object.

    Raises:
        MalformedRequest: it is anything else.
    """
    try:
        value = read_json(body)
    except JsonRefused as refusal:
        raise MalformedRequest("body", str(refusal), "one JSON object in UTF-8") from None
    if not isinstance(value, dict):
        raise MalformedRequest("body", json_type(value), "one JSON object in UTF-8")
    return value


def json_type(value: object) -> str:
    """The JSON name of a value's type, for messages that must not repeat the value."""
    names: tuple[tuple[type | tuple[type, ...], str], ...] = (
        (type(None), "null"),
        (bool, "a boolean"),
        ((int, float), "a number"),
        (str, "a string"),
        (list, "an array"),
    )
    return next((name for kind, name in names if isinstance(value, kind)), "an object")


def _depth(body: bytes) -> int:
    """The deepest nesting, counted outside strings and before the parser recurses."""
    bare = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    brackets = b"".join(bare.split(b'"')[::2]).translate(None, NOT_BRACKETS)
    return max(accumulate(STEPS[byte] for byte in brackets), default=0)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise JsonRefused("an object with the same key twice")
    return found


def _no_constant(name: str) -> float:
    raise JsonRefused(f"{name}, which is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise JsonRefused("a number too large for a double")
    return number


def _scrubbed(value: Any) -> Any:
    scrub: Callable[[Any], Any] = _scrubbed
    if isinstance(value, str):
        clean = value.replace("\0", "\N{REPLACEMENT CHARACTER}")
        return clean.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [scrub(item) for item in value]
    if isinstance(value, dict):
        return {scrub(key): scrub(item) for key, item in value.items()}
    return value
