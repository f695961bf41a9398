"""GET requests that end when they must: no redirects, no cookies, no proxies from the environment.

A socket timeout alone does not stop a server that sends a byte now and then, so every connection
is noted and can be shut from outside.
"""

import socket
from contextvars import ContextVar
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any, NamedTuple

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from cds_service.json_body import JsonRefused, read_json
from lamo.deadline import Deadline, DeadlinePassed

CHUNK = 64 * 1024
FHIR_JSON = "application/fhir+json"
NETWORK_ERRORS = (requests.RequestException, urllib3.exceptions.HTTPError, OSError)

Connections = list[HTTPConnection]
connections_of_call: ContextVar[Connections] = ContextVar("connections_of_call")


class ReadFailed(Exception):  # noqa: N818 - a situation
    """The FHIR server gave no usable answer. The text completes "because the FHIR server ..."."""


class _Connection(HTTPConnection):
    def connect(self) -> None:
        connections_of_call.get().append(self)
        super().connect()


class _SecureConnection(HTTPSConnection):
    def connect(self) -> None:
        connections_of_call.get().append(self)
        super().connect()


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}


def new_session(token: str | None, ca_file: Path | None) -> requests.Session:
    """A session for one hook call to one FHIR server."""
    session = requests.Session()
    session.trust_env = False  # a .netrc would replace the token, a proxy would see it
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.verify = str(ca_file) if ca_file else True
    session.headers.update({"Accept": FHIR_JSON, "Accept-Encoding": "identity"})
    if token:
        session.headers["Authorization"] = f"Bearer {token}"
    session.mount("http://", _Adapter())
    session.mount("https://", _Adapter())
    return session


def shut(connections: Connections) -> None:
    """End every exchange that is still going on; whoever waits for it is woken by an error."""
    for connection in connections:
        if connection.sock is not None:
            try:
                connection.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # it has ended already


class Answer(NamedTuple):
    """The body of a good answer, and its media type with parameters."""

    body: bytes
    content_type: str


def get_json(
    session: requests.Session, url: str, deadline: Deadline, max_bytes: int
) -> dict[str, Any]:
    """GET one FHIR resource.

    Raises:
        ReadFailed: says why, without quoting the answer.
    """
    return as_resource(get_bytes(session, url, deadline, max_bytes).body)


def get_bytes(
    session: requests.Session, url: str, deadline: Deadline, max_bytes: int, accept: str = FHIR_JSON
) -> Answer:
    """GET whatever is there.

    Raises:
        ReadFailed: says why, without quoting the answer.
    """
    try:
        deadline.check("the FHIR server")
        with session.get(
            url,
            stream=True,
            timeout=deadline.left_s(),
            allow_redirects=False,
            headers={"Accept": accept},
        ) as answer:
            _check_status(answer.status_code)
            body = _body(answer, deadline, max_bytes)
            return Answer(body, answer.headers.get("Content-Type", ""))
    except (DeadlinePassed, requests.Timeout, urllib3.exceptions.TimeoutError):
        raise ReadFailed("did not answer in time") from None
    except NETWORK_ERRORS:
        raise ReadFailed("could not be reached") from None


def as_resource(body: bytes) -> dict[str, Any]:
    """The FHIR resource in a body, or ReadFailed."""
    try:
        value = read_json(body)
    except JsonRefused:
        raise ReadFailed("did not answer with FHIR JSON") from None
    if not isinstance(value, dict) or not isinstance(value.get("resourceType"), str):
        raise ReadFailed("did not answer with a FHIR resource")
    return value


def _check_status(status: int) -> None:
    if status in (401, 403):
        raise ReadFailed("refused the access token" if status == 401 else "forbade the read")
    if status in (404, 410):
        raise ReadFailed("does not have it")
    if status != 200:
        raise ReadFailed(f"answered with status {status}")


def _body(answer: requests.Response, deadline: Deadline, max_bytes: int) -> bytes:
    """Read what is there, piece by piece, so that the deadline is looked at in between."""
    body = bytearray()
    while piece := answer.raw.read1(CHUNK):
        deadline.check("the FHIR server")
        body += piece
        if len(body) > max_bytes:
            raise ReadFailed("sent more than may be read")
    return bytes(body)
