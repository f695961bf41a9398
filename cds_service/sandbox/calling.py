"""Sending requests to a CDS service, each with a token of its own, and what came back."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import requests
from requests.structures import CaseInsensitiveDict

from cds_service.audit.checkpoint import NoteRefused
from cds_service.audit.receipts import HEADER, parse_receipt
from cds_service.sandbox.ehr_keys import EhrKeys
from cds_service.sandbox.firing import HookCall
from cds_service.web.headers import SERVER_TIMING

CONNECT_S, READ_S = 3.0, 30.0
MOST_TEXT = 2000  # characters of a body that is no JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back, or why nothing did."""

    url: str
    sent: Mapping[str, Any] = field(default_factory=dict, repr=False)  # the JSON body
    token: str = field(default="", repr=False)
    status: int | None = None  # None: no HTTP answer
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None  # JSON, or the start of a text that is none
    problem: str | None = None  # what to tell a person; None when all went well
    ms: float = 0.0  # as the EHR waited

    @property
    def cards(self) -> Sequence[Mapping[str, Any]]:
        """The cards; none on an error."""
        cards = self.body.get("cards") if isinstance(self.body, dict) else None
        return cards if self.problem is None and isinstance(cards, list) else ()

    @property
    def receipt(self) -> str | None:
        """The receipt of the audit log, as the header has it."""
        return self.headers.get(HEADER)

    @property
    def event_id(self) -> str | None:
        """The id of the audit event that the call became, as its receipt and its cards name it."""
        try:
            return parse_receipt(self.receipt).event_id if self.receipt else None
        except NoteRefused:
            return None

    @property
    def stages(self) -> Sequence[tuple[str, float]]:
        """Milliseconds by stage, as the header Server-Timing has them; `total` is the last."""
        parts = [
            one.strip().split(";dur=") for one in self.headers.get(SERVER_TIMING, "").split(",")
        ]
        return [(one[0], float(one[1])) for one in parts if len(one) == 2 and _is_number(one[1])]


class ServiceClient:
    """A CDS Client of one service."""

    def __init__(
        self, service_url: str, keys: EhrKeys, seconds: tuple[float, float] = (CONNECT_S, READ_S)
    ) -> None:
        """Take the service, without a last slash, whose tokens are signed, and the timeouts.

        Args:
            service_url: of the service.
            keys: that sign.
            seconds: to connect, and for each wait after that.
        """
        self.service_url, self._keys, self._seconds = service_url, keys, seconds

    def discover(self) -> Answer:
        """Ask what is offered."""
        return self._send("GET", f"{self.service_url}/cds-services", None)

    def call(self, call: HookCall) -> Answer:
        """Fire a hook."""
        return self._send("POST", f"{self.service_url}/cds-services/{call.service_id}", call.body)

    def report(self, service_id: str, *feedback: Mapping[str, Any]) -> Answer:
        """Tell what was done with cards."""
        url = f"{self.service_url}/cds-services/{service_id}/feedback"
        return self._send("POST", url, {"feedback": list(feedback)})

    def _send(self, method: str, url: str, body: Mapping[str, Any] | None) -> Answer:
        """One request in a connection of its own, so that threads share nothing."""
        token = self._keys.token_for(url)
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        told: dict[str, Any] = {"url": url, "sent": body or {}, "token": token}
        started = time.perf_counter()
        try:
            came = requests.request(
                method, url, json=body, headers=headers, timeout=self._seconds,
                allow_redirects=False,
            )  # fmt: skip
        except requests.RequestException as error:
            return Answer(**told, problem=self._why(error), ms=_ms_since(started))
        found = _json(came)
        return Answer(
            **told,
            status=came.status_code,
            headers=CaseInsensitiveDict(came.headers),
            body=came.text[:MOST_TEXT] if found is None else found,
            problem=_problem(came, found),
            ms=_ms_since(started),
        )

    def _why(self, error: requests.RequestException) -> str:
        if isinstance(error, requests.ConnectTimeout):
            return f"{self.service_url} could not be reached within {self._seconds[0]:g} s"
        if isinstance(error, requests.Timeout):
            return f"{self.service_url} did not answer within {self._seconds[1]:g} s"
        if isinstance(error, requests.ConnectionError):
            return f"nothing answers at {self.service_url}"
        return f"no answer can be had from {self.service_url} ({type(error).__name__})"


def _problem(came: requests.Response, found: Any) -> str | None:
    """What is wrong with an answer; None when nothing is."""
    if came.status_code != 200:
        return f"the service answered {came.status_code} {came.reason}"
    if came.content and not isinstance(found, dict):
        return "the service answered 200 with a body that is no JSON object"
    return None


def _json(came: requests.Response) -> Any:
    try:
        return came.json()
    except requests.JSONDecodeError:
        return None


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdigit()


def _ms_since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 1)
