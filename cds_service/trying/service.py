"""A CDS Service at a URL, called as a CDS Client calls it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from cds_service.trying.signer import TokenSigner

Json = dict[str, Any]

TIMEOUT_S = 60.0
DISCOVERY = "/cds-services"
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class CallFailed(Exception):  # noqa: N818 - a situation
    """A service did not answer, or not with what was asked for; says what to do."""

    def __init__(self, found: str, remedy: str = "") -> None:
        super().__init__(f"{found}: {remedy}" if remedy else found)
        self.found = found  # alone, for who knows a better remedy


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer, read whole."""

    status: int
    headers: Mapping[str, str]  # names in any case
    content: bytes
    ms: float  # from the request's first byte to the answer's headers

    @property
    def body(self) -> Any:
        """Its JSON; None where it is none."""
        try:
            return json.loads(self.content)
        except ValueError:
            return None

    @property
    def cards(self) -> list[Json]:
        """The cards of a service's answer; none where it has another form."""
        body = self.body
        found = body.get("cards") if isinstance(body, dict) else None
        return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []

    @property
    def diagnostics(self) -> str:
        """What an OperationOutcome says, in one line; empty where it is none."""
        body = self.body
        if not isinstance(body, dict) or body.get("resourceType") != "OperationOutcome":
            return ""
        issues = [one for one in body.get("issue") or [] if isinstance(one, dict)]
        return "; ".join(plain(str(one.get("diagnostics", one.get("code")))) for one in issues)


@dataclass(frozen=True, slots=True, kw_only=True)
class CdsService:
    """Where a service is, and how to prove to it who calls."""

    url: str  # base URL without a last slash
    public_url: str  # base URL that tokens name; the same but behind a proxy
    signer: TokenSigner | None = None
    ca_file: Path | None = None  # certificates to trust, in place of those of certifi
    session: requests.Session = field(default_factory=requests.Session, repr=False)

    @property
    def is_loopback(self) -> bool:
        """Whether it is on this machine."""
        return urlsplit(self.url).hostname in LOOPBACK

    @property
    def trusted(self) -> str:
        """The file of the certificates that are believed."""
        return str(self.ca_file) if self.ca_file else DEFAULT_CA_BUNDLE_PATH

    def ask(
        self,
        method: str,
        path: str,
        *,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
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
            CallFailed: nothing came back.
        """
        told = {"Accept": "application/json", **(headers or {})}
        if data is not None:
            told.setdefault("Content-Type", "application/json")
        if token is None and self.signer is not None:
            token = self.signer.token(self.public_url + path)
        if token:
            told["Authorization"] = f"Bearer {token}"
        try:
            answer = self.session.request(
                method,
                self.url + path,
                data=data,
                headers=told,
                timeout=TIMEOUT_S,
                allow_redirects=False,
                verify=self.trusted,
            )
        except requests.RequestException as error:
            raise CallFailed(
                f"no answer from {self.url} ({type(error).__name__})",
                "see that it runs, for example by `lamo-cds serve`, and that the URL is right",
            ) from None
        ms = answer.elapsed.total_seconds() * 1000
        return Answer(
            status=answer.status_code, headers=answer.headers, content=answer.content, ms=ms
        )

    def services(self) -> list[Json]:
        """What discovery lists.

        Raises:
            CallFailed: no answer, or no list of services in it.
        """
        answer = self.ask("GET", DISCOVERY)
        body = answer.body
        listed = body.get("services") if isinstance(body, dict) else None
        if answer.status != 200 or not isinstance(listed, list):
            told = answer.diagnostics or "no list of services"
            raise CallFailed(f"{self.url} answered discovery with {answer.status}: {told}")
        return [one for one in listed if isinstance(one, dict)]

    def service_id_for(self, hook: str) -> str:
        """The id of the first service for a hook.

        Raises:
            CallFailed: there is none.
        """
        for service in self.services():
            if service.get("hook") == hook:
                return str(service.get("id"))
        raise CallFailed(
            f"{self.url} offers no service for the hook '{plain(hook)}': see {self.url}{DISCOVERY}"
        )

    def fire(self, service_id: str, call: Mapping[str, Any], **headers: str) -> Answer:
        """Post a hook call to a service."""
        path = f"{DISCOVERY}/{service_id}"
        return self.ask("POST", path, data=json.dumps(call).encode(), headers=headers)


def service_at(
    url: str,
    *,
    public_url: str | None = None,
    signer: TokenSigner | None = None,
    ca_file: Path | None = None,
) -> CdsService:
    """A service by its base URL; that of its discovery is taken for it.

    Raises:
        ValueError: it is no URL of HTTP.
    """
    base = url.rstrip("/").removesuffix(DISCOVERY)
    parts = urlsplit(base)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
        raise ValueError("wanted a base URL such as https://cds.example.org, found another text")
    public = (public_url or base).rstrip("/").removesuffix(DISCOVERY)
    return CdsService(url=base, public_url=public, signer=signer, ca_file=ca_file)


def plain(text: str, *, keep_lines: bool = False) -> str:
    """Text without control characters, which could steer the terminal."""
    kept = "\n" if keep_lines else ""
    return "".join(letter for letter in text if letter.isprintable() or letter in kept)
