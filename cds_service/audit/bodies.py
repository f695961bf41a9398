"""From an entry to its body, and from the body to the columns that are searched.

Every column is worked out from the body alone, so that the two can be compared at any time.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import singledispatch
from typing import Any

from cds_service.audit.canonical import canonical_bytes, rfc3339, to_plain
from cds_service.audit.entries import DecisionEntry, Entry, ErrorEntry, FeedbackEntry

SCHEMA_VERSION = 1
OUTCOMES = ("ok", "no-card", "partial-data", "refused", "error", "accepted", "overridden")
# An index of PostgreSQL refuses rows over 2,704 bytes: columns hold the beginning of a longer
# value, the body holds all of it.
COLUMN_CHARACTERS = 255


@singledispatch
def _result(entry: Entry) -> dict[str, Any]:
    raise TypeError(
        f"{type(entry).__name__} is not an entry: pass one of cds_service.audit.entries"
    )


@_result.register
def _(entry: DecisionEntry) -> dict[str, Any]:
    outcome = "ok" if entry.cards else "no-card"
    if any(gap.shown for gap in entry.gaps):
        outcome = "partial-data"
    return {"kind": "decision", "outcome": outcome, "status": 200}


@_result.register
def _(entry: ErrorEntry) -> dict[str, Any]:
    return {"kind": "error", "outcome": "error" if entry.status >= 500 else "refused"}


@_result.register
def _(entry: FeedbackEntry) -> dict[str, Any]:
    return {"kind": "feedback", "status": 200}


def build_body(entry: Entry, recorded_at: datetime) -> dict[str, Any]:
    """Everything that is stored of an entry, in plain JSON types.

    `escaped` lists the paths whose value could not be stored as it was (see canonical.py).
    """
    escaped: list[str] = []
    body: dict[str, Any] = to_plain(entry, escaped)
    added = {
        "schema_version": SCHEMA_VERSION,
        "recorded_at": rfc3339(recorded_at),
        "escaped": escaped,
    }
    return body | _result(entry) | added


def event_columns(body: Mapping[str, Any]) -> dict[str, Any]:
    """The row of table `event`: the columns that are searched, and the body itself."""
    text = {
        "kind": body["kind"],
        "recorded_at": body["recorded_at"],
        "service_id": body.get("service_id"),
        "hook": body.get("hook"),
        "hook_instance": body.get("hook_instance"),
        "client": body["client"],
        "user_ref": body.get("user"),
        "patient_id": body.get("patient_id"),
        "outcome": body["outcome"],
    }
    return {name: value and value[:COLUMN_CHARACTERS] for name, value in text.items()} | {
        "event_id": body["event_id"],
        "card_count": len(body.get("cards", ())),
        "status": body["status"],
        "body": canonical_bytes(body),
    }


def card_columns(body: Mapping[str, Any]) -> list[dict[str, str]]:
    """The rows of table `card`: one for each card that has a uuid."""
    return [
        {"card_uuid": card["uuid"], "event_id": body["event_id"]}
        for card in body["cards"]
        if "uuid" in card
    ]
