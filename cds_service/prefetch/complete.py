"""From what the CDS Client sent, and may be asked for, to the resources of the call."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from cds_service.errors import MalformedRequest, PrefetchMissing
from cds_service.hooks.discovery import PREFETCH
from cds_service.hooks.request import HookRequest
from cds_service.prefetch import discharge
from cds_service.prefetch.bundles import Resource
from cds_service.prefetch.fhir_client import FhirClient, FhirServer
from cds_service.prefetch.held import Held, State, is_of_another, joined, judged, query_for, sent
from cds_service.prefetch.referenced import REFERENCED, read_medications, unread_medications
from cds_service.prefetch.sifting import MOST, Sifted, sift
from cds_service.prefetch.whose import Whose
from fhir_mappings.record import Gap
from lamo.deadline import Deadline

NO_SERVER = "the request has no fhirServer"
NOT_ALLOWED = "its fhirServer is not one that may be read from here"
ANOTHERS_DRAFT = Gap(
    kind="other-patient",
    where="draftOrders",
    meaning="A draft order is about another patient: it was not checked.",
    shown=True,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefetched:
    """The data of the call, by prefetch key, and what is missing from it."""

    resources: Mapping[str, tuple[Resource, ...]]  # Bundles unpacked, included resources kept
    states: Mapping[str, State]
    gaps: tuple[Gap, ...]
    draft_orders: tuple[Resource, ...] = ()  # those of the context that are this patient's


def complete_prefetch(
    request: HookRequest, bases: Sequence[str] | None, fhir: FhirClient, deadline: Deadline
) -> Prefetched:
    """Compare what came with what was asked for, key by key, and fetch the rest.

    Raises:
        MalformedRequest: the Patient that came is another than the one in context.
        PrefetchMissing: keys without which the call makes no sense could not be had.
    """
    server, why = _server(request, bases, fhir)
    whose = Whose(patient_id=request.patient_id, base=request.fhir_server)
    held = [sent(wanted, request.prefetch) for wanted in PREFETCH]
    _check_patient(held, whose)
    if server:
        queries = [query for one in held if (query := query_for(one, request))]
        found = fhir.read_all(server, queries, deadline)
        held = [joined(one, found.get(one.wanted.key), whose) for one in held]
    held = [judged(one, why) for one in held]
    _require(held)
    prefetched = _prefetched(request, held, whose)
    return _with_medications(prefetched, fhir, server, deadline) if server else prefetched


def _server(
    request: HookRequest, bases: Sequence[str] | None, fhir: FhirClient
) -> tuple[FhirServer | None, str]:
    if request.fhir_server is None:
        return None, NO_SERVER
    if request.token_fault:
        return None, request.token_fault
    if not fhir.may_read(request.fhir_server, bases):
        return None, NOT_ALLOWED
    return FhirServer(base=request.fhir_server, token=request.fhir_authorization), ""


def _check_patient(held: Sequence[Held], whose: Whose) -> None:
    """Two patients in one call are never mixed: then it is not known whose chart is open."""
    for one in held:
        if is_of_another(one.wanted, one.pages, whose):
            found = "another patient than the one of context.patientId"
            wanted = f"the answer to '{one.wanted.template}'"
            advice = "send what belongs to one patient in one call"
            raise MalformedRequest(f"prefetch.{one.wanted.key}", found, wanted, advice)


def _require(held: Sequence[Held]) -> None:
    missing = [
        (one.wanted.key, one.wanted.template, one.why)
        for one in held
        if one.wanted.required and one.is_missing
    ]
    if missing:
        raise PrefetchMissing(missing)


def _prefetched(request: HookRequest, held: Sequence[Held], whose: Whose) -> Prefetched:
    """What is used of what came: nothing of another patient, and not too much."""
    sifted = [sift(one.resources, one.wanted.resource_type, whose) for one in held]
    held = [_cut(one, found) for one, found in zip(held, sifted, strict=True)]
    drafts = tuple(one for one in request.orders.drafts if not whose.is_anothers(one))
    resources = {one.wanted.key: found.resources for one, found in zip(held, sifted, strict=True)}
    gaps = [*request.orders.gaps, *_gaps(held), *_strangers(sifted)]
    if len(drafts) < len(request.orders.drafts):
        gaps.append(ANOTHERS_DRAFT)
    if request.hook == discharge.HOOK:
        resources["medications"], ended = discharge.leaving_with(resources["medications"])
        gaps += ended
    states = {one.wanted.key: one.state for one in held}
    return Prefetched(resources=resources, states=states, gaps=tuple(gaps), draft_orders=drafts)


def _cut(held: Held, sifted: Sifted) -> Held:
    """Say of a key of which too much came that only the newest is used."""
    if not sifted.left_out:
        return held
    why = f"{sifted.left_out} older entries than the newest {MOST} were left out"
    return replace(held, state="partial", why=why)


def _with_medications(
    prefetched: Prefetched, fhir: FhirClient, server: FhirServer, deadline: Deadline
) -> Prefetched:
    """Read the medications that orders only refer to."""
    known = (one for found in prefetched.resources.values() for one in found)
    unread = unread_medications((*prefetched.draft_orders, *known), server.base)
    if not unread:
        return prefetched
    medications, more = read_medications(unread, fhir, server, deadline)
    resources = {**prefetched.resources, REFERENCED: medications}
    return replace(prefetched, resources=resources, gaps=(*prefetched.gaps, *more))


def _gaps(held: Sequence[Held]) -> Iterator[Gap]:
    for one in held:
        kind, shown = f"prefetch-{one.state}", one.wanted.shown
        if one.is_missing:
            meaning = f"{one.wanted.without} ({one.why})"
            yield Gap(kind=kind, where=one.wanted.key, meaning=meaning, shown=shown)
        elif one.state == "partial":
            meaning = f"Only a part of {one.wanted.key} could be read, the list is incomplete. "
            meaning += f"({one.why})"
            yield Gap(kind=kind, where=one.wanted.key, meaning=meaning, shown=shown)


def _strangers(sifted: Sequence[Sifted]) -> Iterator[Gap]:
    """One gap for all that is about somebody else: it is said once, and counted."""
    count = sum(one.strangers for one in sifted)
    if count:
        number = "1 resource" if count == 1 else f"{count} resources"
        meaning = f"{number} about another patient came with this call, and could not be used."
        yield Gap(kind="other-patient", where="prefetch", meaning=meaning, shown=True)
