"""Reads from the CDS Client's FHIR server: in parallel, within one deadline, to one origin.

The address comes from the caller, so it is the caller's hand on our network: it has to be allowed,
links to following pages have to stay under it, redirects are not followed, and the access token
goes nowhere else. Where connections may go at all is said in cds_service/outbound.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import urljoin

from cds_service.outbound.errors import ReadFailed
from cds_service.outbound.guard import Guard
from cds_service.outbound.side_by_side import side_by_side
from cds_service.outbound.urls import is_same_base, is_under
from cds_service.outbound.visit import Visit
from cds_service.prefetch.bundles import next_link
from cds_service.settings import Settings
from cds_service.web.json_body import JsonRefused, read_json
from lamo.deadline import Deadline

MAX_PAGES = 10  # of one query
MAX_PAGE_BYTES = 16 * 1024 * 1024
MAX_FILE_BYTES = 8 * 1024 * 1024  # of an attachment, which may come as base64
MAX_BYTES = 32 * 1024 * 1024  # of all that is read at once, for queries and for files each
FHIR_JSON = "application/fhir+json"
FHIR_TYPES = (FHIR_JSON, "application/json+fhir", "application/json")


@dataclass(frozen=True, slots=True, kw_only=True)
class FhirServer:
    """Where a call's data may be read, and with what token."""

    base: str
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One read or search below the base, or the link to a following page of one."""

    key: str
    url: str
    whole: bool = True  # False: the first page is enough


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """What came of a query. With pages and a failure, it is a part of the answer."""

    pages: tuple[Mapping[str, Any], ...] = ()
    failure: str | None = None  # completes "because the FHIR server ..."


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """What an attachment's URL led to, or why to nothing."""

    data: bytes = field(default=b"", repr=False)
    content_type: str = ""
    failure: str | None = None  # completes "a document was not read: ..."


class FhirClient:
    """Reads what the settings, or the bases of a registered client, allow."""

    def __init__(self, settings: Settings, guard: Guard | None = None) -> None:
        """The guard is that of the settings unless another one is given."""
        self._allowed = settings.fhir_allowed_bases
        self.guard = guard or Guard.of(settings)

    def may_read(self, base: str, bases: Sequence[str] | None) -> bool:
        """Whether the service is allowed to send requests to this base URL.

        Args:
            base: the fhirServer of a call.
            bases: those of the registered client that calls, of which it has to be one; None for
                whatever the settings allow.
        """
        if bases is not None:
            return any(is_same_base(base, registered) for registered in bases)
        if self._allowed:
            return any(is_under(base, allowed) for allowed in self._allowed)
        return self.guard.allows_scheme(base)

    def read_all(
        self, server: FhirServer, queries: Sequence[Query], deadline: Deadline
    ) -> dict[str, Pages]:
        """Answer the queries by key. Whatever is not there when the deadline ends has failed."""
        jobs = {query.key: partial(_read, query=query) for query in queries}
        return side_by_side(self._visit(server, deadline), jobs, _no_pages)

    def read_files(
        self, server: FhirServer, urls: Sequence[str], deadline: Deadline
    ) -> dict[str, File]:
        """Read what attachments point to, by URL: Binaries, or what is like them."""
        jobs = {url: partial(_read_file, url=url) for url in urls}
        return side_by_side(self._visit(server, deadline), jobs, _no_file)

    def _visit(self, server: FhirServer, deadline: Deadline) -> Visit:
        return Visit(self.guard, server.base, deadline, MAX_BYTES, server.token)


def _no_pages(reason: str) -> Pages:
    return Pages(failure=reason)


def _no_file(reason: str) -> File:
    return File(failure=f"its server {reason}")


def _read(visit: Visit, *, query: Query) -> Pages:
    pages: list[Mapping[str, Any]] = []
    seen: set[str] = set()
    url: str | None = urljoin(f"{visit.base}/", query.url)
    try:
        while url is not None:
            if url in seen or len(seen) >= MAX_PAGES:
                raise ReadFailed("sent more pages than are read")
            seen.add(url)
            pages.append(_resource(visit.get(url, MAX_PAGE_BYTES, FHIR_JSON).body))
            following = next_link(pages[-1]) if query.whole else None
            url = following and urljoin(url, following)
    except ReadFailed as failure:
        return Pages(pages=tuple(pages), failure=str(failure))
    return Pages(pages=tuple(pages))


def _read_file(visit: Visit, *, url: str) -> File:
    """The bytes behind a URL, sent as they are or inside a Binary."""
    whole = urljoin(f"{visit.base}/", url)
    if not is_under(whole, visit.base):
        return File(failure="its text is at another place than the FHIR server")
    answer = visit.get(whole, MAX_FILE_BYTES, accept="*/*")
    if not answer.content_type.lower().startswith(FHIR_TYPES):
        return File(data=answer.body, content_type=answer.content_type)
    binary = _resource(answer.body)
    data, kind = binary.get("data"), binary.get("contentType")
    if binary["resourceType"] != "Binary" or not isinstance(data, str):
        return File(failure=f"its URL leads to a {binary['resourceType'][:40]} without data")
    try:
        raw = base64.b64decode("".join(data.split()), validate=True)
    except ValueError:
        return File(failure="its data is not base64")
    return File(data=raw, content_type=kind if isinstance(kind, str) else "")


def _resource(body: bytes) -> Mapping[str, Any]:
    """The FHIR resource in a body, or ReadFailed."""
    try:
        value = read_json(body)
    except JsonRefused:
        raise ReadFailed("did not answer with FHIR JSON") from None
    if not isinstance(value, dict) or not isinstance(value.get("resourceType"), str):
        raise ReadFailed("did not answer with a FHIR resource")
    return value
