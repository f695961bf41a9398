"""What an EHR developer wants to see of a call: request, answer, times, receipt, audit entry."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jwt

from cds_service.audit.receipts import HEADER
from cds_service.cds_client.answer import Answer
from cds_service.web.headers import CALLER, REQUEST_ID, SERVER_TIMING

TOLD_HEADERS = (
    *("Content-Type", REQUEST_ID, CALLER, SERVER_TIMING, HEADER),
    *("Retry-After", "WWW-Authenticate"),
)
SHORT = 12  # characters of a token that are shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One bar."""

    name: str
    ms: float
    percent: float  # of the longest bar


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """One issue of an OperationOutcome."""

    severity: str
    code: str
    text: str
    where: str


def raw_request(answer: Answer) -> str:
    """The request as it was sent, with its tokens cut short."""
    method = "POST" if answer.sent else "GET"
    lines = [f"{method} {answer.url}"]
    if answer.token:
        lines.append(f"Authorization: Bearer {shortened(answer.token)}")
    if not answer.sent:
        return "\n".join(lines)
    lines += [
        "Content-Type: application/json",
        "",
        _pretty(_without_token(json.loads(answer.sent))),
    ]
    return "\n".join(lines)


def raw_answer(answer: Answer) -> str:
    """The answer as it came: status, the headers that matter, body."""
    if not answer.status:
        return "(no HTTP answer)"
    headers = [f"{name}: {answer.headers[name]}" for name in TOLD_HEADERS if name in answer.headers]
    body = answer.body if isinstance(answer.body, str) else _pretty(answer.body)
    return "\n".join([f"HTTP {answer.status}", *headers, "", body])


def token_claims(answer: Answer) -> str:
    """What the token of the request says, as its receiver reads it."""
    if not answer.token:
        return ""
    claims = jwt.decode(answer.token, options={"verify_signature": False})
    return _pretty({"header": jwt.get_unverified_header(answer.token), "claims": claims})


def stages_of(answer: Answer) -> list[Stage]:
    """The bars of Server-Timing, and last what the EHR waited."""
    told = [*answer.stages, ("round trip", answer.ms)] if answer.stages else []
    most = max((ms for _, ms in told), default=0.0) or 1.0
    return [Stage(name=name, ms=ms, percent=round(100 * ms / most, 1)) for name, ms in told]


def issues_of(answer: Answer) -> Sequence[Issue]:
    """What the service says of an error."""
    body = answer.body if isinstance(answer.body, dict) else {}
    found = body.get("issue") if body.get("resourceType") == "OperationOutcome" else ()
    return [_issue(one) for one in found or () if isinstance(one, dict)]


def shortened(token: str) -> str:
    """The beginning of a token, which is of no use to anybody."""
    return f"{token[:SHORT]}… ({len(token)} characters)"


def _issue(one: Mapping[str, Any]) -> Issue:
    details = one.get("details") or {}
    return Issue(
        severity=str(one.get("severity", "")),
        code=str(one.get("code", "")),
        text=str(one.get("diagnostics") or details.get("text") or ""),
        where=", ".join(map(str, one.get("expression") or ())),
    )


def _without_token(sent: Mapping[str, Any]) -> Mapping[str, Any]:
    authorization = sent.get("fhirAuthorization")
    if not isinstance(authorization, dict):
        return sent
    token = shortened(str(authorization.get("access_token")))
    return {**sent, "fhirAuthorization": {**authorization, "access_token": token}}


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
