"""The reads of one call from one server: under one base, with one token, within limits."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from typing import NamedTuple

import requests
import urllib3

from cds_service.outbound.dialer import Dialer
from cds_service.outbound.errors import LATE, UNREACHED, ReadFailed, ServerDown
from cds_service.outbound.guard import Guard
from cds_service.outbound.transport import new_session
from cds_service.outbound.urls import is_under, origin_of
from lamo.deadline import Deadline, DeadlinePassed

CHUNK = 64 * 1024
CODINGS = {"Content-Encoding": "identity", "Transfer-Encoding": "chunked"}


class Answer(NamedTuple):
    """The body of a good answer, and its media type with parameters."""

    body: bytes
    content_type: str


class Visit:
    """What the reads of one call share: the base, the token, the time and the bytes."""

    def __init__(
        self, guard: Guard, base: str, deadline: Deadline, max_bytes: int, token: str | None = None
    ) -> None:
        """The bytes are those of all answers; the token goes to addresses under the base."""
        self.base = base
        self.deadline = deadline
        self._token = token
        self._bytes_left = max_bytes
        self._lock = Lock()
        self._has_answered = False
        self._breakers = guard.breakers
        self._dialer = Dialer(guard, deadline)
        self._session = new_session(guard, self._dialer)

    def begin(self) -> None:
        """Return when the server may be asked now.

        Raises:
            ReadFailed: no time is left, or the server is left alone for a while.
        """
        origin = origin_of(self.base)
        if not self.deadline.left_s():
            raise ReadFailed(LATE)
        self._breakers.enter(origin)

    def end(self) -> None:
        """Shut whatever is still open, and remember whether the server is well."""
        self._dialer.shut()
        self._session.close()
        self._breakers.leave(origin_of(self.base), answered=self._has_answered)

    def get(self, url: str, max_bytes: int, accept: str) -> Answer:
        """GET what is there.

        Raises:
            ReadFailed: says why, without quoting the answer.
        """
        if not is_under(url, self.base):
            raise ReadFailed("sent a link to another place")
        try:
            answer = self._get(url, max_bytes, accept)
        except ServerDown:
            raise
        except ReadFailed:
            self._has_answered = True  # not as wished, but nothing says that it is down
            raise
        self._has_answered = True
        return answer

    def post(self, url: str, data: bytes, content_type: str) -> None:
        """POST what is to be sent; the answer's body is not read.

        Raises:
            ReadFailed: says why it was not taken, without quoting the answer.
        """
        headers = {"Content-Type": content_type}
        with self._telling(), self._asked("POST", url, headers, data) as answer:
            self._has_answered = answer.status_code < 500
            if not 200 <= answer.status_code < 300:
                raise ReadFailed(f"answered with status {answer.status_code}")

    def _get(self, url: str, max_bytes: int, accept: str) -> Answer:
        token = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        with self._telling(), self._asked("GET", url, {"Accept": accept} | token) as answer:
            _check(answer)
            body = self._body(answer, max_bytes)
            return Answer(body, answer.headers.get("Content-Type", ""))

    def _asked(
        self, method: str, url: str, headers: Mapping[str, str], data: bytes | None = None
    ) -> requests.Response:
        left_s = self.deadline.left_s()
        if not left_s:
            raise ServerDown(LATE)
        return self._session.request(
            method,
            url,
            data=data,
            stream=True,
            timeout=left_s,
            allow_redirects=False,
            headers=dict(headers),
        )

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Every way in which an exchange fails, as ReadFailed."""
        try:
            yield
        except (DeadlinePassed, requests.Timeout, urllib3.exceptions.TimeoutError):
            raise ServerDown(LATE) from None
        except requests.exceptions.SSLError:
            raise ServerDown("did not prove over TLS who it is") from None
        except urllib3.exceptions.HTTPError:
            raise ServerDown("broke off its answer") from None
        except (requests.RequestException, OSError):
            raise ServerDown(UNREACHED) from None

    def _body(self, answer: requests.Response, max_bytes: int) -> bytes:
        """Read what is there, piece by piece, so that the limits are looked at in between."""
        body = bytearray()
        while piece := answer.raw.read1(CHUNK):
            self.deadline.check("a read")
            self._spend(len(piece))
            body += piece
            if len(body) > max_bytes:
                raise ReadFailed("sent more than may be read")
        return bytes(body)

    def _spend(self, count: int) -> None:
        with self._lock:
            self._bytes_left -= count
            if self._bytes_left < 0:
                raise ReadFailed("sent more than may be read in one call")


def _check(answer: requests.Response) -> None:
    status, asked_with_token = answer.status_code, "Authorization" in answer.request.headers
    if status >= 500:
        raise ServerDown(f"answered with status {status}")
    if status in (401, 403):
        refused = "refused the access token" if asked_with_token else "wants an access token"
        raise ReadFailed(refused if status == 401 else "forbade the read")
    if status in (404, 410):
        raise ReadFailed("does not have it")
    if status != 200:
        raise ReadFailed(f"answered with status {status}")
    for name, wanted in CODINGS.items():
        if answer.headers.get(name, wanted).strip().lower() != wanted:
            raise ReadFailed("sent a compressed answer, although none was asked for")
