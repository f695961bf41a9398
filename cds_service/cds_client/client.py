"""A CDS Service at a URL, called as a CDS Client calls it (CDS Hooks 2.0)."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from cds_service.cds_client.answer import Answer, Json, plain
from cds_service.cds_client.signer import TokenSigner

DISCOVERY = "/cds-services"
LOOPBACK = ("localhost", "127.0.0.1", "::1")
Headers = Mapping[str, str]
MOST_TEXT = 2000  # characters of a body that is no JSON


class CallFailed(Exception):  # noqa: N818 - a situation
    """A service did not answer, or not with what was asked for; says what to do."""

    def __init__(self, found: str, remedy: str = "") -> None:
        super().__init__(f"{found}: {remedy}" if remedy else found)
        self.found = found  # alone, for who knows a better remedy


class NoAnswer(CallFailed):
    """Nothing came back."""

    def __init__(self, found: str, answer: Answer) -> None:
        super().__init__(
            found, "see that it runs, for example by `lamo-cds serve`, and that the URL is right"
        )
        self.answer = answer  # that never came, for who shows both


@dataclass(frozen=True, slots=True, kw_only=True)
class CdsClient:
    """Where a service is, and how to prove to it who calls."""

    url: str  # of the service: its base URL without a last slash
    public_url: str  # base URL that tokens name; the same but behind a proxy
    signer: TokenSigner | None = None
    ca_file: Path | None = None  # certificates to trust, in place of those of certifi
    timeouts_s: tuple[float, float] = (60.0, 60.0)  # to connect, and for each wait after that
    # a connection for each request, so that threads share nothing; that of a session keeps one
    request: Callable[..., requests.Response] = requests.request
    seconds: Callable[[], float] = time.perf_counter  # tells how long an answer took

    @property
    def is_loopback(self) -> bool:
        """Whether the service is on this machine."""
        return urlsplit(self.url).hostname in LOOPBACK

    @property
    def trusted(self) -> str:
        """The file of the certificates that are believed."""
        return str(self.ca_file) if self.ca_file else DEFAULT_CA_BUNDLE_PATH

    def discovery(self) -> Answer:
        """Ask what is offered.

        Raises:
            NoAnswer: nothing came back; so do the others.
        """
        return self.ask("GET", DISCOVERY)

    def call(
        self, service_id: str, call: Mapping[str, Any], headers: Headers | None = None
    ) -> Answer:
        """Fire a hook at a service."""
        return self.ask("POST", f"{DISCOVERY}/{service_id}", data=_json(call), headers=headers)

    def feedback(
        self, service_id: str, told: Mapping[str, Any], headers: Headers | None = None
    ) -> Answer:
        """Tell a service what was done with one of its cards."""
        path = f"{DISCOVERY}/{service_id}/feedback"
        return self.ask("POST", path, data=_json({"feedback": [told]}), headers=headers)

    def service_for(self, hook: str) -> Json:
        """The first service that discovery lists for a hook.

        Raises:
            CallFailed: no answer, no list of services in it, or none for the hook.
        """
        answer = self.discovery()
        if answer.services is None:
            told = answer.diagnostics or "no list of services"
            raise CallFailed(f"{self.url} answered discovery with {answer.status}: {told}")
        for service in answer.services:
            if service.get("hook") == hook:
                return service
        raise CallFailed(
            f"{self.url} offers no service for the hook '{plain(hook)}': see {self.url}{DISCOVERY}"
        )

    def ask(
        self,
        method: str,
        path: str,
        *,
        data: bytes = b"",
        headers: Headers | None = None,
        token: str | None = None,
    ) -> Answer:
        """Send one request; redirects are not followed.

        Args:
            method: of HTTP.
            path: behind the base URL.
            data: the body, JSON.
            headers: beside the usual ones.
            token: to send in place of a new one; an empty one for none.

        Raises:
            NoAnswer: nothing came back.
        """
        if token is None:
            token = self.signer.token(self.public_url + path) if self.signer else ""
        asked: dict[str, Any] = {"url": self.url + path, "sent": data, "token": token}
        started = self.seconds()
        try:
            came = self.request(
                method,
                self.url + path,
                data=data or None,
                headers={**_usual_headers(data, token), **(headers or {})},
                timeout=self.timeouts_s,
                allow_redirects=False,
                verify=self.trusted,
            )
        except requests.RequestException as error:
            answer = Answer(**asked, problem=self._why(error), ms=self._ms_since(started))
            found = f"no answer from {self.url} ({type(error).__name__})"
            raise NoAnswer(found, answer) from None
        return Answer(**asked, **_read(came), ms=self._ms_since(started))

    def _ms_since(self, started: float) -> float:
        return round((self.seconds() - started) * 1000, 1)

    def _why(self, error: requests.RequestException) -> str:
        if isinstance(error, requests.ConnectTimeout):
            return f"{self.url} could not be reached within {self.timeouts_s[0]:g} s"
        if isinstance(error, requests.Timeout):
            return f"{self.url} did not answer within {self.timeouts_s[1]:g} s"
        if isinstance(error, requests.ConnectionError):
            return f"nothing answers at {self.url}"
        return f"no answer can be had from {self.url} ({type(error).__name__})"


def client_at(
    url: str,
    *,
    public_url: str | None = None,
    signer: TokenSigner | None = None,
    ca_file: Path | None = None,
) -> CdsClient:
    """A client of the service at a base URL; the URL of its discovery is taken for that.

    Raises:
        ValueError: it is no URL of HTTP.
    """
    base = url.rstrip("/").removesuffix(DISCOVERY)
    parts = urlsplit(base)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
        raise ValueError("wanted a base URL such as https://cds.example.org, found another text")
    public = (public_url or base).rstrip("/").removesuffix(DISCOVERY)
    return CdsClient(
        url=base,
        public_url=public,
        signer=signer,
        ca_file=ca_file,
        request=requests.Session().request,
    )


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value).encode()


def _usual_headers(data: bytes, token: str) -> dict[str, str]:
    told = {"Accept": "application/json"}
    told |= {"Content-Type": "application/json"} if data else {}
    return told | ({"Authorization": f"Bearer {token}"} if token else {})


def _read(came: requests.Response) -> dict[str, Any]:
    """What an answer says, and what is wrong with it where something is."""
    try:
        body = came.json()
    except requests.JSONDecodeError:
        body = None
    problem = None
    if came.status_code != 200:
        problem = f"the service answered {came.status_code} {came.reason}"
    elif came.content and not isinstance(body, dict):
        problem = "the service answered 200 with a body that is no JSON object"
    return {
        "status": came.status_code,
        "headers": came.headers,
        "body": came.text[:MOST_TEXT] if body is None else body,
        "problem": problem,
    }
