"""One search: its parameters read, resources found, sorted, paged and joined (FHIR R4 search)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from cds_service.sandbox.fhir import matching
from cds_service.sandbox.fhir.errors import FhirRefused, NotSupported
from cds_service.sandbox.fhir.parameters import PARAMETERS, Parameter, values_at
from cds_service.sandbox.fhir.store import Resource, Store

DEFAULT_COUNT = 50
MOST = 500  # resources of one page
OFFSET = "_offset"
RESULT = frozenset({"_count", "_sort", "_include", "_format", "_pretty", "_total", OFFSET})
INCLUDES: Mapping[str, str] = {  # by type and parameter: where the reference stands
    "MedicationRequest:medication": "medicationReference",
    "MedicationRequest:patient": "subject",
    "MedicationRequest:requester": "requester",
    "MedicationRequest:encounter": "encounter",
    "Condition:patient": "subject",
    "Observation:patient": "subject",
    "Encounter:patient": "subject",
}
_MATCH: Mapping[str, Callable[[Any, str], bool]] = {
    "token": matching.is_token,
    "reference": matching.is_reference,
    "date": matching.is_date,
    "string": matching.is_string,
}

Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One page of a search."""

    matches: Sequence[Resource]
    included: Sequence[Resource]
    total: int
    used: Pairs  # the parameters that were heeded
    next_offset: int | None


def search(
    store: Store,
    resource_type: str,
    pairs: Pairs,
    *,
    is_strict: bool = False,
    may_see: Callable[[Resource], bool] = lambda resource: True,
) -> Found:
    """Search resources of one type.

    Args:
        store: where they are.
        resource_type: of PARAMETERS.
        pairs: the parameters, in order; one that is given twice has to hold twice.
        is_strict: refuse unknown parameters (Prefer: handling=strict) instead of leaving them out.
        may_see: whether a resource is for whoever asks; the others are as if they were not there.

    Raises:
        FhirRefused: a type, parameter or value that there is not.
    """
    known = _known(resource_type)
    used = [pair for pair in pairs if _is_known(pair[0], known, is_strict=is_strict)]
    seen = [one for one in store.all_of(resource_type) if may_see(one)]
    found = [one for one in seen if _holds(one, used, known)]
    found = _sorted(found, [value for name, value in used if name == "_sort"], known)
    count, offset = _number(used, "_count", DEFAULT_COUNT), _number(used, OFFSET, 0)
    page = found[offset : offset + min(count, MOST)]
    end = offset + len(page)
    return Found(
        matches=page,
        included=[one for one in _included(store, resource_type, page, used) if may_see(one)],
        total=len(found),
        used=used,
        next_offset=end if page and end < len(found) else None,
    )


def searchset(found: Found, base: str, resource_type: str) -> Resource:
    """The Bundle of a page, with links to itself and to the next one."""
    plain = [pair for pair in found.used if pair[0] != OFFSET]
    links = [{"relation": "self", "url": _url(base, resource_type, found.used)}]
    if found.next_offset is not None:
        further = [*plain, (OFFSET, str(found.next_offset))]
        links.append({"relation": "next", "url": _url(base, resource_type, further)})
    entries = [_entry(base, one, "match") for one in found.matches]
    entries += [_entry(base, one, "include") for one in found.included]
    bundle = {"resourceType": "Bundle", "type": "searchset", "total": found.total, "link": links}
    return bundle | ({"entry": entries} if entries else {})


def _known(resource_type: str) -> Mapping[str, Parameter]:
    if resource_type not in PARAMETERS:
        types = ", ".join(PARAMETERS)
        raise NotSupported(f"this server has no resources of this type: it has {types}")
    return PARAMETERS[resource_type]


def _is_known(name: str, known: Mapping[str, Parameter], *, is_strict: bool) -> bool:
    plain, _, modifier = name.replace(".", ":", 1).partition(":")
    if plain in known and modifier in ("", "not", "missing"):
        return True
    if name in RESULT:
        return True
    if plain in known:  # left out, it would find too much
        raise NotSupported(f"{plain} can be given as it is here, or with :not or :missing")
    if is_strict:
        raise NotSupported(f"a parameter is not known here: there are {', '.join(sorted(known))}")
    return False


def _holds(resource: Resource, used: Pairs, known: Mapping[str, Parameter]) -> bool:
    return all(
        _holds_one(resource, known[plain], modifier, asked)
        for name, asked in used
        for plain, _, modifier in (name.partition(":"),)
        if plain in known
    )


def _holds_one(resource: Resource, parameter: Parameter, modifier: str, asked: str) -> bool:
    values = [value for path in parameter.paths for value in values_at(resource, path)]
    if modifier == "missing":
        return (not values) == (asked == "true")
    matches = _MATCH[parameter.kind]
    holds = any(matches(value, one) for one in asked.split(",") for value in values)
    return not holds if modifier == "not" else holds


def _sorted(
    found: list[Resource], asked: Sequence[str], known: Mapping[str, Parameter]
) -> list[Resource]:
    """By what is asked for, resources without it last, and by id where that is the same."""
    found.sort(key=lambda one: str(one["id"]))
    for name in reversed([name for text in asked for name in text.split(",") if name]):
        parameter = known.get(name.removeprefix("-"))
        if parameter is None:
            raise NotSupported(f"_sort: there are {', '.join(sorted(known))}")
        is_descending = name.startswith("-")
        having = [one for one in found if _sort_key(one, parameter) is not None]
        lacking = [one for one in found if _sort_key(one, parameter) is None]
        having.sort(key=lambda one: _sort_key(one, parameter), reverse=is_descending)
        found = having + lacking
    return found


def _sort_key(resource: Resource, parameter: Parameter) -> Any:
    for path in parameter.paths:
        for value in values_at(resource, path):
            if parameter.kind != "date":
                return str(value)
            if (moments := matching.moments_of(value)) is not None:
                return moments[0]
    return None


def _included(
    store: Store, resource_type: str, page: Iterable[Resource], used: Pairs
) -> Sequence[Resource]:
    asked = [value for name, value in used if name == "_include"]
    if any(one not in INCLUDES for one in asked):
        raise NotSupported(f"_include: there are {', '.join(INCLUDES)}")
    wanted = dict.fromkeys(
        str(value.get("reference"))
        for resource in page
        for one in asked
        if one.startswith(f"{resource_type}:")
        for value in values_at(resource, INCLUDES[one])
    )
    found = []
    for reference in wanted:
        kind, _, resource_id = reference.partition("/")
        found += [one for one in store.all_of(kind) if one["id"] == resource_id]
    return found


def _number(used: Pairs, name: str, default: int) -> int:
    for found, value in used:
        if found == name:
            if not value.isascii() or not value.isdigit() or len(value) > 9:
                raise FhirRefused(f"{name} is no number: send for example {name}=20")
            return int(value)
    return default


def _entry(base: str, resource: Resource, mode: str) -> Resource:
    url = f"{base}/{resource['resourceType']}/{resource['id']}"
    return {"fullUrl": url, "resource": resource, "search": {"mode": mode}}


def _url(base: str, resource_type: str, pairs: Pairs) -> str:
    return f"{base}/{resource_type}?{urlencode(pairs)}"
