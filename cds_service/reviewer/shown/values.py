"""Values of stored JSON, which may be of any type, as what a page needs."""

import math
from collections.abc import Mapping
from typing import Any

Json = Mapping[str, Any]


def mappings(value: object) -> list[Json]:
    """The objects in an array; none where it is no array."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def mapping(value: object) -> Json:
    """The object, or an empty one."""
    return value if isinstance(value, dict) else {}


def text(value: object) -> str:
    """A text for a reader; empty where there is none."""
    return "" if value is None else str(value)


def number(value: object) -> float | None:
    """A finite number; None where it is none, as one that JSON has no word for."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None
