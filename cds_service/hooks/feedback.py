"""What clinicians did with the cards, as CDS Hooks 2.0 clients report it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, cast

from cds_service.errors import MalformedRequest
from cds_service.web.json_body import json_type

MAX_ENTRIES = 500
MAX_COMMENT = 10_000  # characters
MAX_CODE = 500
EARLIEST = datetime(2015, 1, 1, tzinfo=UTC)  # the year of CDS Hooks
CLOCKS_DIFFER = timedelta(days=1)  # at most, and time zones that were left out
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
    override_reason: Mapping[str, str] | None = None  # a Coding: code, and system where given
    user_comment: str | None = None  # free clinical text: goes to the audit log and nowhere else


def read_feedback(body: Mapping[str, Any], now: datetime) -> tuple[Feedback, ...]:
    """Read every entry, or refuse them all. An empty array says nothing and is taken.

    Args:
        body: of the request.
        now: what no outcome can lie far ahead of.

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
    return tuple(_entry(entry, f"feedback[{index}]", now) for index, entry in enumerate(entries))


def _entry(entry: object, path: str, now: datetime) -> Feedback:
    if not isinstance(entry, dict):
        raise MalformedRequest(path, json_type(entry), "an object")
    outcome = entry.get("outcome")
    if outcome not in ("accepted", "overridden"):
        raise MalformedRequest(f"{path}.outcome", "another value", "'accepted' or 'overridden'")
    reason, comment = _override_reason(entry, path)
    return Feedback(
        card=_id(entry, "card", path),
        outcome=cast(Literal["accepted", "overridden"], outcome),
        outcome_timestamp=_timestamp(entry, path, now),
        accepted_suggestions=_suggestions(entry, path) if outcome == "accepted" else (),
        override_reason=reason,
        user_comment=comment,
    )


def _id(entry: Mapping[str, Any], name: str, path: str) -> str:
    value = entry.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= 64:
        raise MalformedRequest(f"{path}.{name}", json_type(value), "the uuid that we gave it")
    return value


def _timestamp(entry: Mapping[str, Any], path: str, now: datetime) -> datetime:
    value, name = entry.get("outcomeTimestamp"), f"{path}.outcomeTimestamp"
    wanted = "an RFC 3339 time such as 2026-01-31T12:00:00Z, from 2015 on and not in the future"
    if not isinstance(value, str) or not RFC_3339.fullmatch(value):
        raise MalformedRequest(name, "no such time", wanted)
    try:
        moment = datetime.fromisoformat(value.upper())
    except ValueError:
        raise MalformedRequest(name, "a time that no calendar has", wanted) from None
    if not EARLIEST <= moment <= now + CLOCKS_DIFFER:
        raise MalformedRequest(name, "a time at which no card was answered", wanted)
    return moment


def _suggestions(entry: Mapping[str, Any], path: str) -> tuple[str, ...]:
    value, name = entry.get("acceptedSuggestions"), f"{path}.acceptedSuggestions"
    if not isinstance(value, list) or not 0 < len(value) <= MAX_ENTRIES:
        raise MalformedRequest(name, json_type(value), "the suggestions taken, as [{'id': uuid}]")
    if not all(isinstance(item, dict) for item in value):
        raise MalformedRequest(name, "an array of something else", "objects with an id")
    return tuple(_id(item, "id", name) for item in value)


def _override_reason(
    entry: Mapping[str, Any], path: str
) -> tuple[dict[str, str] | None, str | None]:
    """(coding, comment). No reason at all is fine; an empty one is not."""
    reason, name = entry.get("overrideReason"), f"{path}.overrideReason"
    if reason is None:
        return None, None
    reason = reason if isinstance(reason, dict) else {}
    coding = reason.get("reason")
    coding = coding if isinstance(coding, dict) else {}
    comment = _text(reason, "userComment", name, MAX_COMMENT)
    parts = {part: _text(coding, part, f"{name}.reason", MAX_CODE) for part in ("code", "system")}
    if not parts["code"] and not comment:
        raise MalformedRequest(name, "neither of the two", "a reason with a code or a userComment")
    told = {part: text for part, text in parts.items() if text}
    return told if parts["code"] else None, comment


def _text(members: Mapping[str, Any], member: str, path: str, limit: int) -> str | None:
    value = members.get(member)
    if value is None or (isinstance(value, str) and len(value) <= limit):
        return value or None
    found = f"{len(value)} characters" if isinstance(value, str) else json_type(value)
    raise MalformedRequest(f"{path}.{member}", found, f"a text of at most {limit} characters")
