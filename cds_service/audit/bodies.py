"""From an entry to its body and its protected part, and from the body to the columns searched.

The body says what happened and nothing of the patient. Everything else is protected: it is stored
encrypted (payloads.py). Every column is worked out from the body alone, so that the two can be
compared at any time.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from functools import singledispatch
from hashlib import sha256
from typing import Any

from cds_service.audit.canonical import canonical, rfc3339, to_plain
from cds_service.audit.entries import (
    AccessEntry,
    AdministrationEntry,
    DecisionEntry,
    Entry,
    ErrorEntry,
    FeedbackEntry,
    ShadowEntry,
)
from cds_service.audit.payloads import seal_payload
from cds_service.audit.vault import DataKey

SCHEMA_VERSION = 2
OUTCOMES = (
    "ok",
    "no-card",
    "partial-data",
    "refused",
    "error",
    "accepted",
    "overridden",
    "seen",
    "denied",
)
# An index of PostgreSQL refuses rows over 2,704 bytes: columns hold the beginning of a longer
# value, the body holds all of it.
COLUMN_CHARACTERS = 255
PROTECTED: Mapping[str, tuple[str, ...]] = {
    "decision": (
        "patient_id",
        "encounter_id",
        "notes",
        "prompt_sha256",
        "prompt",
        "scores",
        "chosen",
        "cards",
        "about",
        "gaps",
        "findings",
        "explained",
    ),
    "error": ("message",),
    "access": ("patient_client", "patient_id", "purpose"),
    "administration": ("reason",),
    "shadow": ("patient_id", "chosen", "differences", "scores"),
    "feedback": ("override_reason", "user_comment", "unknown_suggestions"),
}
DELIBERATE = frozenset({"SwitchedOff"})  # refusals with the status of a failure
OF_PATIENTS = re.compile(
    r"(?:.*/)?(patient|relatedperson)/[^/]+(?:/_history/[^/]+)?/?", re.IGNORECASE | re.DOTALL
)  # references, relative and absolute, that name a patient or one of theirs
TYPES_OF_PATIENTS = {"patient": "Patient", "relatedperson": "RelatedPerson"}
NOTE_COUNTS = ("allergies", "medications_on_admission", "dropped")

Event = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedEvent:
    """One event, ready to be inserted."""

    body: Event
    written: bytes  # the body in canonical JSON
    ciphertext: bytes | None  # None: what it says of a patient who was erased is not kept
    key: DataKey | None


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
    is_refusal = entry.status < 500 or entry.code in DELIBERATE
    return {"kind": "error", "outcome": "refused" if is_refusal else "error"}


@_result.register
def _(entry: FeedbackEntry) -> dict[str, Any]:
    return {"kind": "feedback", "status": 200}


@_result.register
def _(entry: AccessEntry) -> dict[str, Any]:
    return {"kind": "access", "status": 403 if entry.outcome == "denied" else 200}


@_result.register
def _(entry: AdministrationEntry) -> dict[str, Any]:
    return {"kind": "administration", "outcome": "ok", "status": 200}


@_result.register
def _(entry: ShadowEntry) -> dict[str, Any]:
    return {"kind": "shadow", "outcome": "ok", "status": 200}


def build_event(entry: Entry, recorded_at: datetime) -> dict[str, Any]:
    """Everything that is stored of an entry, not yet parted, but its `worker` (counting.py).

    `escaped` lists the paths whose value could not be stored as it was (see canonical.py); of a
    decision, which is large, sealing looks for them.
    """
    escaped: list[str] = []
    if isinstance(entry, DecisionEntry):
        event = {field.name: getattr(entry, field.name) for field in fields(entry)}
        event["gaps"] = to_plain(entry.gaps, escaped, ("gaps",))
    else:
        event = to_plain(entry, escaped)
    return event | _result(entry) | {"recorded_at": rfc3339(recorded_at), "escaped": escaped}


def part(event: Event) -> tuple[dict[str, Any], dict[str, Any]]:
    """What may be read, and what is protected.

    Args:
        event: as built; a feedback with its link (feedback.py).
    """
    names = PROTECTED.get(event["kind"], ())
    if event["kind"] == "feedback" and event["not_linked"]:
        names += ("card",)  # which may be any text
    private = {name: event[name] for name in names if name in event}
    body = {name: value for name, value in event.items() if name not in private}
    kind = type_of_patients(event.get("user"))
    if kind is not None:
        private["user_reference"], body["user"] = event["user"], kind
    told = {"decision": _of_decision, "feedback": _of_feedback}.get(event["kind"])
    return body | (told(event) if told else {}), private


def type_of_patients(user: str | None) -> str | None:
    """The type of a reference that names a patient or a related person; None for any other user."""
    found = OF_PATIENTS.fullmatch(user or "")
    return TYPES_OF_PATIENTS[found[1].lower()] if found else None


def seal_event(event: Event, key: DataKey | None, patient: str | None) -> SealedEvent:
    """Part an event, encrypt what is protected of it, and tie the two together by a hash.

    Args:
        event: as built, with its `worker`.
        key: of its patient or its month; None when its patient was erased.
        patient: the pid.
    """
    body, private = part(event)
    if patient is None:  # under the key of a month it would outlive an erasure
        private.pop("user_reference", None)
    if key is not None and "about" in body:
        body["about"] = [{**row, "basis": key.tag(row.get("basis", ""))} for row in body["about"]]
    ciphertext = None
    if key is not None:
        ciphertext = seal_payload({"escaped": ()} | private, body["event_id"], key.key)
    body |= {
        "schema_version": SCHEMA_VERSION,
        "patient": patient,
        "payload_sha256": sha256(ciphertext).hexdigest() if ciphertext else None,
    }
    plain, written = canonical(body)
    return SealedEvent(body=plain, written=written, ciphertext=ciphertext, key=key)


def _of_decision(event: Event) -> dict[str, Any]:
    """What a decision came to, in counts and in our own ids."""
    notes, cards = event["notes"], event["cards"]
    return {
        "card_count": len(cards),
        "offered": {
            card["uuid"]: [one["uuid"] for one in card.get("suggestions", ()) if "uuid" in one]
            for card in cards
            if "uuid" in card
        },
        "about": event.get("about", ()),
        "gap_counts": Counter(gap["kind"] for gap in event["gaps"]),
        "note_counts": {
            "documents": len(notes),
            **{name: sum(note.get(name, 0) for note in notes) for name in NOTE_COUNTS},
        },
    }


def _of_feedback(event: Event) -> dict[str, Any]:
    """Whether a reason was given: what an override answers depends on it."""
    return {"has_reason": bool(event["override_reason"] or event["user_comment"])}


def event_columns(body: Event, written: bytes) -> dict[str, Any]:
    """The row of table `event`: the columns that are searched, and the body as written."""
    return {**search_columns(body), "body": written}


def search_columns(body: Event) -> dict[str, Any]:
    """The columns of table `event` that are searched."""
    text = {
        "kind": body["kind"],
        "recorded_at": body["recorded_at"],
        "service_id": body.get("service_id"),
        "hook": body.get("hook"),
        "hook_instance": body.get("hook_instance"),
        "client": body["client"],
        "user_ref": body.get("user"),
        "patient": body.get("patient"),
        "outcome": body["outcome"],
    }
    return {name: value and value[:COLUMN_CHARACTERS] for name, value in text.items()} | {
        "event_id": body["event_id"],
        "card_count": body.get("card_count", 0),
        "status": body["status"],
    }


def card_columns(body: Event) -> list[dict[str, str]]:
    """The rows of table `card`: one for each card that has a uuid."""
    return [{"card_uuid": uuid, "event_id": body["event_id"]} for uuid in body.get("offered", ())]
