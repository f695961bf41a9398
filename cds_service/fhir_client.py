"""Reads from the CDS Client's FHIR server: in parallel, within one deadline, to one origin.

The address comes from the caller, so it is the caller's hand on our network: it has to be allowed,
links to following pages have to stay under it, redirects are not followed, and the access token
goes nowhere else.
"""

import base64
import ipaddress
import posixpath
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

import requests

from cds_service.bundles import next_link
from cds_service.fhir_transport import (
    Connections,
    ReadFailed,
    as_resource,
    connections_of_call,
    get_bytes,
    get_json,
    new_session,
    shut,
)
from cds_service.settings import Settings
from lamo.deadline import Deadline

MAX_PAGES = 10  # of one query
MAX_PAGE_BYTES = 16 * 1024 * 1024
MAX_FILE_BYTES = 8 * 1024 * 1024  # of an attachment, which may come as base64
PARALLEL = 8
LATE = "did not answer in time"
FHIR_TYPES = ("application/fhir+json", "application/json+fhir", "application/json")


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


T = TypeVar("T")
Job = Callable[[requests.Session, str, Deadline], T]


@dataclass(frozen=True, slots=True)
class FhirClient:
    """Reads what the settings allow."""

    settings: Settings

    def may_read(self, base: str) -> bool:
        """Whether the service is allowed to send requests to this base URL."""
        if self.settings.fhir_allowed_bases:
            return any(is_under(base, allowed) for allowed in self.settings.fhir_allowed_bases)
        parts = urlsplit(base)
        return parts.scheme == "https" or _is_this_machine(parts.hostname or "")

    def read_all(
        self, server: FhirServer, queries: Sequence[Query], deadline: Deadline
    ) -> dict[str, Pages]:
        """Answer the queries by key. Whatever is not there when the deadline ends has failed."""
        late = Pages(failure=LATE)
        jobs = {query.key: partial(_read, query=query) for query in queries}
        return self._all(server, jobs, deadline, late)

    def read_files(
        self, server: FhirServer, urls: Sequence[str], deadline: Deadline
    ) -> dict[str, File]:
        """Read what attachments point to, by URL: Binaries, or what is like them."""
        jobs = {url: partial(_read_file, url=url) for url in urls}
        return self._all(server, jobs, deadline, File(failure=f"its server {LATE}"))

    def _all(
        self, server: FhirServer, jobs: Mapping[str, Job[T]], deadline: Deadline, late: T
    ) -> dict[str, T]:
        """Do the jobs side by side; what is not done when the deadline ends is late."""
        if not jobs:
            return {}
        connections: Connections = []
        connections_of_call.set(connections)
        session = new_session(server.token, self.settings.fhir_ca_file)
        pool = ThreadPoolExecutor(min(PARALLEL, len(jobs)), "fhir-read")
        reads = {
            key: pool.submit(copy_context().run, job, session, server.base, deadline)
            for key, job in jobs.items()
        }
        wait(reads.values(), timeout=deadline.left_s())
        answers = {key: _result(read, late) for key, read in reads.items()}
        pool.shutdown(wait=False, cancel_futures=True)
        shut(connections)  # only now: an exchange cut short can look like an answer
        return answers


def is_under(url: str, base: str) -> bool:
    """Whether the URL has the origin of the base and a path at or below the base's."""
    try:
        there, here = urlsplit(url), urlsplit(base)
        same_origin = _origin(there) == _origin(here)
    except ValueError:
        return False
    path = unquote(there.path)
    plain = "\\" not in path and posixpath.normpath(path or "/") == (path.rstrip("/") or "/")
    root = here.path.rstrip("/")
    return same_origin and plain and (path.rstrip("/") == root or path.startswith(f"{root}/"))


def _origin(url: SplitResult) -> tuple[str, str | None, int | None, str | None]:
    return url.scheme, url.hostname, url.port, url.username


def _read(session: requests.Session, base: str, deadline: Deadline, *, query: Query) -> Pages:
    pages: list[Mapping[str, Any]] = []
    seen: set[str] = set()
    url: str | None = urljoin(f"{base}/", query.url)
    try:
        while url is not None:
            _check_link(url, base, seen)
            seen.add(url)
            pages.append(get_json(session, url, deadline, MAX_PAGE_BYTES))
            following = next_link(pages[-1]) if query.whole else None
            url = following and urljoin(url, following)
    except ReadFailed as failure:
        return Pages(pages=tuple(pages), failure=str(failure))
    return Pages(pages=tuple(pages))


def _check_link(url: str, base: str, seen: set[str]) -> None:
    if not is_under(url, base):
        raise ReadFailed("sent a link to another place")
    if url in seen or len(seen) >= MAX_PAGES:
        raise ReadFailed("sent more pages than are read")


def _read_file(session: requests.Session, base: str, deadline: Deadline, *, url: str) -> File:
    """The bytes behind a URL, sent as they are or inside a Binary."""
    whole = urljoin(f"{base}/", url)
    if not is_under(whole, base):
        return File(failure="its text is at another place than the FHIR server")
    try:
        answer = get_bytes(session, whole, deadline, MAX_FILE_BYTES, accept="*/*")
        if not answer.content_type.lower().startswith(FHIR_TYPES):
            return File(data=answer.body, content_type=answer.content_type)
        binary = as_resource(answer.body)
    except ReadFailed as failure:
        return File(failure=f"its server {failure}")
    data, kind = binary.get("data"), binary.get("contentType")
    if binary["resourceType"] != "Binary" or not isinstance(data, str):
        return File(failure=f"its URL leads to a {binary['resourceType'][:40]} without data")
    try:
        raw = base64.b64decode("".join(data.split()), validate=True)
    except ValueError:
        return File(failure="its data is not base64")
    return File(data=raw, content_type=kind if isinstance(kind, str) else "")


def _result(read: "Future[T]", late: T) -> T:
    return read.result() if read.done() and not read.cancelled() else late


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
