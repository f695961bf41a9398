"""Whether a value of a resource is what one search parameter asks for (FHIR R4 search)."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from cds_service.sandbox.fhir.errors import FhirRefused
from fhir_mappings.dates import parse_instant

Moments = tuple[datetime, datetime]  # from, and up to but without

_FIRST = datetime.min.replace(tzinfo=UTC)
_LAST = datetime.max.replace(tzinfo=UTC)
_COMPARED: Mapping[str, Callable[[Moments, Moments], bool]] = {  # (asked, found)
    "eq": lambda asked, found: asked[0] <= found[0] and found[1] <= asked[1],
    "ne": lambda asked, found: not (asked[0] <= found[0] and found[1] <= asked[1]),
    "gt": lambda asked, found: found[1] > asked[1],
    "lt": lambda asked, found: found[0] < asked[0],
    "ge": lambda asked, found: found[1] > asked[1] or found[0] >= asked[0],
    "le": lambda asked, found: found[0] < asked[0] or found[1] <= asked[1],
    "sa": lambda asked, found: found[0] >= asked[1],
    "eb": lambda asked, found: found[1] <= asked[0],
}


def is_token(value: Any, asked: str) -> bool:
    """Token search: `code`, `system|code`, `|code` for no system, `system|` for any code."""
    system, has_system, code = asked.rpartition("|")
    return any(
        (not code or code == found_code) and (not has_system or system == (found_system or ""))
        for found_system, found_code in _codes(value)
    )


def is_reference(value: Any, asked: str) -> bool:
    """Reference search: an id, `Type/id`, or a whole URL."""
    found = value.get("reference") if isinstance(value, dict) else None
    if not isinstance(found, str):
        return False
    return found == asked or found.endswith(f"/{asked}") or asked.endswith(f"/{found}")


def is_string(value: Any, asked: str) -> bool:
    """String search: from the start, whatever the case."""
    return isinstance(value, str) and value.casefold().startswith(asked.casefold())


def is_date(value: Any, asked: str) -> bool:
    """Date search with a prefix, over the ranges that both stand for.

    Raises:
        FhirRefused: what is asked for is no date.
    """
    prefix, text = (asked[:2], asked[2:]) if asked[:2].isalpha() else ("eq", asked)
    wanted = moments_of(text)
    if wanted is None or prefix not in _COMPARED:
        raise FhirRefused("a date to search by is not one: send for example ge2024-01-31")
    found = moments_of(value)
    return found is not None and _COMPARED[prefix](wanted, found)


def moments_of(value: Any) -> Moments | None:
    """The range that a date, dateTime, instant or Period stands for."""
    if isinstance(value, dict):
        start, end = moments_of(value.get("start")), moments_of(value.get("end"))
        if start is None and end is None:
            return None
        return start[0] if start else _FIRST, end[1] if end else _LAST
    start_of = parse_instant(value) if isinstance(value, str) else None
    if start_of is None:
        return None
    return start_of, _end(str(value), start_of)


def _end(text: str, start: datetime) -> datetime:
    if len(text) == 4:
        return start.replace(year=start.year + 1) if start.year < 9999 else _LAST
    if len(text) == 7:
        return (start + timedelta(days=32)).replace(day=1)
    if len(text) == 10:
        return start + timedelta(days=1)
    return start + timedelta(seconds=1 if "." not in text else 0.001)


def _codes(value: Any) -> Iterator[tuple[str | None, str]]:
    """System and code of a code, boolean, Coding, CodeableConcept or Identifier."""
    if isinstance(value, bool):
        yield None, str(value).lower()
    elif isinstance(value, str):
        yield None, value
    elif isinstance(value, dict):
        for coding in value.get("coding", ()) if "coding" in value else (value,):
            yield coding.get("system"), str(coding.get("code", coding.get("value", "")))
