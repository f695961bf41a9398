"""What there is under one prefetch key: what was sent, what is still to be read, what came of it.

null or an empty Bundle is an answer: nothing was found. A missing key was not asked for; an
OperationOutcome, or something of another type, says that the query failed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Literal

from cds_service.hooks.discovery import PrefetchKey, resolve_template
from cds_service.hooks.request import HookRequest
from cds_service.prefetch.bundles import (
    Resource,
    is_outcome,
    lacks_resources,
    next_link,
    tells_of_failure,
    unpack,
)
from cds_service.prefetch.fhir_client import Pages, Query
from cds_service.prefetch.totals import shortfall
from cds_service.prefetch.whose import Whose
from fhir_mappings.elements import Element
from fhir_mappings.gaps import Gaps
from fhir_mappings.pool import read_as

State = Literal["supplied", "null", "absent", "failed", "fetched", "partial"]

FAILED = "the query failed at the CDS Client"


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What there is under one key so far."""

    wanted: PrefetchKey
    state: State
    pages: tuple[Resource, ...] = ()
    why: str = ""  # it is absent, failed or partial
    unread: str | None = None  # link to the next page

    @property
    def is_missing(self) -> bool:
        """Whether nothing is known, not even that there is nothing."""
        return self.state in ("absent", "failed")

    @property
    def resources(self) -> tuple[Resource, ...]:
        """Everything in its pages, included resources too."""
        return tuple(resource for page in self.pages for resource in unpack(page))


def sent(wanted: PrefetchKey, prefetch: Mapping[str, Any]) -> Held:
    """Read what stands under one key of the request."""
    if wanted.key not in prefetch:
        return Held(wanted=wanted, state="absent")
    value = prefetch[wanted.key]
    if value is None:
        return Held(wanted=wanted, state="null")
    if not isinstance(value, dict) or not _answers(value, wanted):
        return Held(wanted=wanted, state="failed", why=FAILED)
    unread = next_link(value) if wanted.whole else None
    return Held(wanted=wanted, state="supplied", pages=(value,), unread=unread)


def query_for(held: Held, request: HookRequest) -> Query | None:
    """What is still to be read for one key."""
    key, whole = held.wanted.key, held.wanted.whole
    if held.is_missing:
        url = resolve_template(held.wanted.template, request.context_tokens)
        return Query(key=key, url=url, whole=whole)
    return Query(key=key, url=held.unread) if held.unread else None


def joined(held: Held, found: Pages | None, whose: Whose) -> Held:
    """Add what was read from the FHIR server to what was sent."""
    if found is None:
        return held
    failure = found.failure or _fault(found, held.wanted, whose)
    why = f"the FHIR server {failure}" if failure else ""
    pages = held.pages + tuple(page for page in found.pages if not is_outcome(page))
    if not failure:
        state: State = "fetched" if held.state != "supplied" else "supplied"
        return replace(held, state=state, pages=pages, unread=None)
    if is_of_another(held.wanted, pages, whose):
        return replace(held, state="failed", why=why)
    return replace(held, state="partial" if pages else "failed", pages=pages, why=why)


def judged(held: Held, why: str) -> Held:
    """Say why a key is missing or not whole, once nothing more can be read."""
    if held.is_missing:
        return replace(held, why=held.why or why)
    if held.unread:
        return replace(held, state="partial", why=held.why or why)
    if any(map(tells_of_failure, held.pages)):
        return replace(held, state="partial", why=held.why or "the query failed in part")
    if any(map(lacks_resources, held.pages)):
        return replace(held, state="partial", why=held.why or "some entries hold no resource")
    short = shortfall(held.pages, held.wanted.resource_type) if held.wanted.whole else None
    return replace(held, state="partial", why=held.why or short) if short else held


def is_of_another(wanted: PrefetchKey, pages: tuple[Resource, ...], whose: Whose) -> bool:
    """Whether the Patient that was asked for came as somebody else."""
    is_patient = wanted.resource_type == "Patient"
    return is_patient and any(whose.is_anothers(one) for page in pages for one in unpack(page))


def _answers(page: Resource, wanted: PrefetchKey) -> bool:
    """Whether it is of the type that was asked for, or a Bundle with some of it or with nothing."""
    found = unpack(page)
    first = next(found, None)
    if first is None:
        return True  # a Bundle: anything else is a resource itself
    every = (Element(one, "", Gaps()) for one in chain((first,), found))
    return any(read_as(one) == wanted.resource_type for one in every)


def _fault(found: Pages, wanted: PrefetchKey, whose: Whose) -> str | None:
    """What is wrong with pages that came, to complete "the FHIR server ..."."""
    if any(is_outcome(page) for page in found.pages):
        return "answered with an OperationOutcome"
    if is_of_another(wanted, found.pages, whose):
        return "answered with another patient"
    return None
