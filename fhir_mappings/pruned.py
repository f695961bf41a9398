"""Resources as FHIR writes them: without members that are null or empty (FHIR R4, JSON, 2.6.2)."""

from typing import Any

_EMPTY: tuple[Any, ...] = (None, "", [], {})


def pruned(value: Any) -> Any:
    """JSON without null, "", [] and {} at any depth; what is left of a number or text is itself.

    null stays in an array beside another of its name with an underscore: there it keeps the place
    of a value that has extensions alone.
    """
    if isinstance(value, list):
        return [item for item in map(pruned, value) if item not in _EMPTY]
    if not isinstance(value, dict):
        return value
    members = {name: _member(name, item, value) for name, item in value.items()}
    return {name: item for name, item in members.items() if item not in _EMPTY}


def _member(name: str, item: Any, holder: dict[str, Any]) -> Any:
    is_paired = isinstance(item, list) and (name.startswith("_") or f"_{name}" in holder)
    if not is_paired:
        return pruned(item)
    places = [pruned(one) for one in item]
    return places if any(one not in _EMPTY for one in places) else None
