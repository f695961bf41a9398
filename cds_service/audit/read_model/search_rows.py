"""From the body of an event to its rows in the read model. Pure."""

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Any, NamedTuple

from cds_service.audit.bodies import COLUMN_CHARACTERS, search_columns
from cds_service.audit.entries import OPERATOR
from cds_service.audit.read_model.following import Followed
from cds_service.hooks.discovery import SERVICES

MOST_TOLD = 24  # rows of `about` in a list; every one of them is found
_DETAILS = {"access": "page", "administration": "action", "retention": "action", "error": "code"}
_HOOKS = frozenset(service.hook for service in SERVICES)

About = tuple[str, str, int]  # rule, RxNorm code, 1 when shown or 0 when suppressed
Bodies = Mapping[str, Mapping[str, Any]]  # by event id


class Group(NamedTuple):
    """The columns of a group but its number."""

    kind: str
    client: str
    service_id: str | None
    hook: str | None
    outcome: str
    model: str | None
    detail: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """What the tables hold of one event."""

    group: Group
    row: Mapping[str, Any]  # of search_event, without the number of the group
    terms: frozenset[int]


def refers_to(body: Mapping[str, Any]) -> str | None:
    """The event that has to be read as well: a feedback's decision, what was looked at."""
    name = {"feedback": "decision_event_id", "access": "looked_at"}.get(str(body.get("kind")))
    found = body.get(name) if name else None
    return found if isinstance(found, str) else None


def derive(event: Followed, others: Bodies) -> Derived | None:
    """The rows of an event.

    Args:
        event: of any kind.
        others: bodies of the events that `refers_to` names, where they are there.

    Returns:
        None when the bytes are no event of ours, which `lamo-cds audit verify` tells.
    """
    try:
        uuid.UUID(event.event_id)
        return _derive(event, others.get(refers_to(event.body) or "", {}))
    except (AttributeError, LookupError, TypeError, ValueError):
        return None


@lru_cache(maxsize=16_384)
def term(rule: str | None, rxcui: str | None) -> int:
    """What stands for a rule, a medication or both in an index: 64 bits of a hash."""
    digest = sha256(json.dumps([rule, rxcui]).encode()).digest()
    return int.from_bytes(digest[:8], signed=True)


def _derive(event: Followed, other: Mapping[str, Any]) -> Derived:
    body, columns = event.body, search_columns(event.body)
    is_operator = body["kind"] == "retention"
    about = _about(body, other)
    return Derived(
        group=_group(body, columns),
        row={
            "event_id": event.event_id,
            "recorded_at": columns["recorded_at"],
            "user_ref": OPERATOR if is_operator else columns["user_ref"],
            "patient": _text(columns["patient"] or other.get("patient"), 32),
            "request_id": _text(body.get("request_id")),
            "card_count": int(columns["card_count"]),
            "about": json.dumps(about[:MOST_TOLD], separators=(",", ":")),
        },
        terms=frozenset(_terms(about)),
    )


def _group(body: Mapping[str, Any], columns: Mapping[str, Any]) -> Group:
    hook = columns["hook"]
    if body["kind"] == "error" and hook not in _HOOKS:  # as a client spelt it: any text
        hook = None
    return Group(
        kind=columns["kind"],
        client=columns["client"],
        service_id=columns["service_id"],
        hook=hook,
        outcome=columns["outcome"],
        model=_model(body.get("model")),
        detail=_text(body.get(_DETAILS.get(body["kind"], ""))),
    )


def _model(model: Mapping[str, Any] | None) -> str | None:
    if not model:
        return None
    return _text(" ".join(str(model[key]) for key in ("name", "version") if model.get(key)))


def _text(value: object, characters: int = COLUMN_CHARACTERS) -> str | None:
    return None if value is None else str(value)[:characters]


def _about(body: Mapping[str, Any], other: Mapping[str, Any]) -> Sequence[About]:
    """Shown before suppressed; of a feedback, what its card was about."""
    if body["kind"] == "feedback":
        rows = [row for row in other.get("about", ()) if row["card"] == body.get("card")]
        return _sorted((row["rule"], row["rxcui"], 1) for row in rows)
    shown = ((row["rule"], row["rxcui"], 1) for row in body.get("about", ()))
    held = (
        (row["rule"], rxcui, 0)
        for row in body.get("suppressed", ())
        for rxcui in row["rxcuis"] or ("",)
    )
    return _sorted([*shown, *held])


def _sorted(rows: Iterable[About]) -> Sequence[About]:
    return sorted(set(rows), key=lambda row: (-row[2], row[0], row[1]))


def _terms(about: Sequence[About]) -> Iterable[int]:
    for rule, rxcui, _ in about:
        yield term(rule, None)
        if rxcui:
            yield term(None, rxcui)
            yield term(rule, rxcui)
