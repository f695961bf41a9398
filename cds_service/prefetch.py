"""From what the CDS Client sent, and may be asked for, to the resources of the call.

null or an empty Bundle under a key is an answer: nothing was found. A missing key was not asked
for; an OperationOutcome says that the query failed. Both are fetched where possible.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from cds_service.bundles import Resource, is_outcome, next_link, tells_of_failure, unpack
from cds_service.discovery import PREFETCH, PrefetchKey, resolve_template
from cds_service.errors import PrefetchMissing
from cds_service.fhir_client import FhirClient, FhirServer, Pages, Query
from cds_service.hook_request import HookRequest
from cds_service.referenced import REFERENCED, read_medications, unread_medications
from fhir_mappings.record import Gap
from lamo.deadline import Deadline

State = Literal["supplied", "null", "absent", "failed", "fetched", "partial"]

NO_SERVER = "the request has no fhirServer"
NOT_ALLOWED = "its fhirServer is not one that may be read from here"
NO_ORDERS = Gap(
    kind="no-orders-named",
    where="context",
    meaning="This call named no orders, so no order was checked.",
    shown=True,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefetched:
    """The data of the call, by prefetch key, and what is missing from it."""

    resources: Mapping[str, tuple[Resource, ...]]  # Bundles unpacked, included resources kept
    states: Mapping[str, State]
    gaps: tuple[Gap, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """What there is under one key so far."""

    wanted: PrefetchKey
    state: State
    pages: tuple[Resource, ...] = ()
    why: str = ""  # it is absent, failed or partial
    unread: str | None = None  # link to the next page

    @property
    def resources(self) -> tuple[Resource, ...]:
        return tuple(resource for page in self.pages for resource in unpack(page))


def complete_prefetch(request: HookRequest, fhir: FhirClient, deadline: Deadline) -> Prefetched:
    """Compare what came with what was asked for, key by key, and fetch the rest.

    Raises:
        PrefetchMissing: a key without which the call makes no sense could not be had.
    """
    server, why = _server(request, fhir)
    held = [_sent(wanted, request.prefetch) for wanted in PREFETCH]
    if server:
        queries = [query for one in held if (query := _query(one, request))]
        found = fhir.read_all(server, queries, deadline)
        held = [_joined(one, found.get(one.wanted.key)) for one in held]
    held = [_judged(one, why) for one in held]
    _require(held)
    resources = {one.wanted.key: one.resources for one in held}
    named = (resource for found in resources.values() for resource in found)
    unread = unread_medications((*request.draft_orders, *named))
    gaps = tuple(_gaps(request, held))
    if server and unread:
        resources[REFERENCED], more = read_medications(unread, fhir, server, deadline)
        gaps += more
    states = {one.wanted.key: one.state for one in held}
    return Prefetched(resources=resources, states=states, gaps=gaps)


def _server(request: HookRequest, fhir: FhirClient) -> tuple[FhirServer | None, str]:
    if request.fhir_server is None:
        return None, NO_SERVER
    if not fhir.may_read(request.fhir_server):
        return None, NOT_ALLOWED
    return FhirServer(base=request.fhir_server, token=request.fhir_authorization), ""


def _sent(wanted: PrefetchKey, prefetch: Mapping[str, Any]) -> _Held:
    """Read what stands under one key of the request."""
    if wanted.key not in prefetch:
        return _Held(wanted=wanted, state="absent")
    value = prefetch[wanted.key]
    if value is None:
        return _Held(wanted=wanted, state="null")
    if not isinstance(value, dict) or value.get("resourceType") not in (
        "Bundle",
        wanted.resource_type,
    ):
        return _Held(wanted=wanted, state="failed", why="the query failed at the CDS Client")
    unread = next_link(value) if wanted.whole else None
    return _Held(wanted=wanted, state="supplied", pages=(value,), unread=unread)


def _query(held: _Held, request: HookRequest) -> Query | None:
    """What is still to be read for one key."""
    key, whole = held.wanted.key, held.wanted.whole
    if held.state in ("absent", "failed"):
        url = resolve_template(held.wanted.template, request.context_tokens)
        return Query(key=key, url=url, whole=whole)
    return Query(key=key, url=held.unread) if held.unread else None


def _joined(held: _Held, found: Pages | None) -> _Held:
    """Add what was read from the FHIR server to what was sent."""
    if found is None:
        return held
    wrong = any(is_outcome(page) for page in found.pages)
    failure = found.failure or ("answered with an OperationOutcome" if wrong else None)
    why = f"the FHIR server {failure}" if failure else ""
    pages = held.pages + tuple(page for page in found.pages if not is_outcome(page))
    if not failure:
        state: State = "fetched" if held.state != "supplied" else "supplied"
        return replace(held, state=state, pages=pages, unread=None)
    return replace(held, state="partial" if pages else "failed", pages=pages, why=why)


def _judged(held: _Held, why: str) -> _Held:
    """Say why a key is missing or not whole, once nothing more can be read."""
    if held.state in ("absent", "failed"):
        return replace(held, why=held.why or why)
    if held.unread or any(tells_of_failure(page) for page in held.pages):
        reason = held.why or (why if held.unread else "the query failed in part")
        return replace(held, state="partial", why=reason)
    return held


def _require(held: list[_Held]) -> None:
    for one in held:
        if one.wanted.required and one.state in ("absent", "failed"):
            raise PrefetchMissing(one.wanted.key, one.wanted.template, one.why)


def _gaps(request: HookRequest, held: list[_Held]) -> Iterator[Gap]:
    if request.hook != "patient-view" and not request.names_orders:
        yield NO_ORDERS
    for one in held:
        kind = f"prefetch-{one.state}"
        meaning, shown = f"{one.wanted.without} ({one.why})", one.wanted.shown
        if one.state in ("absent", "failed"):
            yield Gap(kind=kind, where=one.wanted.key, meaning=meaning, shown=shown)
        elif one.state == "partial":
            meaning = f"Only a part of {one.wanted.key} could be read, the list is incomplete. "
            meaning += f"({one.why})"
            yield Gap(kind=kind, where=one.wanted.key, meaning=meaning, shown=shown)
