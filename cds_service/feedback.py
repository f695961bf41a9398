"""What clinicians did with the cards, as CDS Hooks 2.0 clients report it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

from cds_service.errors import MalformedRequest
from cds_service.json_body import json_type

MAX_ENTRIES = 500
MAX_COMMENT = 10_000
RFC_3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """What was done with one card."""

    card: str  # the uuid that we gave it
    outcome: Literal["accepted", "overridden"]
    outcome_timestamp: datetime  # aware
    accepted_suggestions: tuple[str, ...] = ()  # uuids
    reason_code: str | None = None
    reason_system: str | None = None
    user_comment: str | None = None  # free clinical text: goes to the audit log and nowhere else


def read_feedback(body: Mapping[str, Any]) -> tuple[Feedback, ...]:
    """Read every entry, or refuse them all. An empty array says nothing and is taken.

    Raises:
        MalformedRequest: names the entry and the member.
    """
    entries = body.get("feedback")
    wanted = f"an array of at most {MAX_ENTRIES} feedback entries"
    if not isinstance(entries, list):
        found = json_type(entries) if "feedback" in body else "nothing"
        raise MalformedRequest("feedback", found, wanted)
    if len(entries) > MAX_ENTRIES:
        raise MalformedRequest("feedback", f"{len(entries)} entries", wanted)
    return tuple(_entry(entry, f"feedback[{index}]") for index, entry in enumerate(entries))


def _entry(entry: object, path: str) -> Feedback:
    if not isinstance(entry, dict):
        raise MalformedRequest(path, json_type(entry), "an object")
    outcome = entry.get("outcome")
    if outcome not in ("accepted", "overridden"):
        raise MalformedRequest(f"{path}.outcome", "another value", "'accepted' or 'overridden'")
    code, system, comment = _override_reason(entry, path)
    return Feedback(
        card=_id(entry, "card", path),
        outcome=cast(Literal["accepted", "overridden"], outcome),
        outcome_timestamp=_timestamp(entry, path),
        accepted_suggestions=_suggestions(entry, path) if outcome == "accepted" else (),
        reason_code=code,
        reason_system=system,
        user_comment=comment,
    )


def _id(entry: Mapping[str, Any], name: str, path: str) -> str:
    value = entry.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= 64:
        raise MalformedRequest(f"{path}.{name}", json_type(value), "the uuid that we gave it")
    return value


def _timestamp(entry: Mapping[str, Any], path: str) -> datetime:
    value, name = entry.get("outcomeTimestamp"), f"{path}.outcomeTimestamp"
    wanted = "an RFC 3339 time such as 2026-01-31T12:00:00Z"
    if not isinstance(value, str) or not RFC_3339.fullmatch(value):
        raise MalformedRequest(name, "no such time", wanted)
    try:
        return datetime.fromisoformat(value.upper())
    except ValueError:
        raise MalformedRequest(name, "a time that no calendar has", wanted) from None


def _suggestions(entry: Mapping[str, Any], path: str) -> tuple[str, ...]:
    value, name = entry.get("acceptedSuggestions"), f"{path}.acceptedSuggestions"
    if not isinstance(value, list) or not 0 < len(value) <= MAX_ENTRIES:
        raise MalformedRequest(name, json_type(value), "the suggestions taken, as [{'id': uuid}]")
    if not all(isinstance(item, dict) for item in value):
        raise MalformedRequest(name, "an array of something else", "objects with an id")
    return tuple(_id(item, "id", name) for item in value)


def _override_reason(
    entry: Mapping[str, Any], path: str
) -> tuple[str | None, str | None, str | None]:
    """(code, system, comment). No reason at all is fine; an empty one is not."""
    reason, name = entry.get("overrideReason"), f"{path}.overrideReason"
    if reason is None:
        return None, None, None
    coding = reason.get("reason") if isinstance(reason, dict) else None
    comment = reason.get("userComment") if isinstance(reason, dict) else None
    code = coding.get("code") if isinstance(coding, dict) else None
    system = coding.get("system") if isinstance(coding, dict) else None
    for text, limit in ((code, 200), (system, 500), (comment, MAX_COMMENT)):
        if text is not None and (not isinstance(text, str) or len(text) > limit):
            raise MalformedRequest(name, "a member that is no text or too long", "short texts")
    if not code and not comment:
        raise MalformedRequest(name, "neither of the two", "a reason with a code or a userComment")
    return code or None, system or None, comment or None
