"""What is reported of a card: what CDS Hooks 2.0 calls feedback."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any


def accepted(card: str, suggestions: Sequence[str], moment: datetime) -> dict[str, Any]:
    """The report that suggestions of a card were taken, by their uuids."""
    return {
        "card": card,
        "outcome": "accepted",
        "acceptedSuggestions": [{"id": one} for one in suggestions],
        "outcomeTimestamp": _told(moment),
    }


def overridden(
    card: str, reason: Mapping[str, Any] | None, comment: str, moment: datetime
) -> dict[str, Any]:
    """The report that a card was not followed.

    Args:
        card: its uuid.
        reason: one of its overrideReasons; None for none of them.
        comment: in the clinician's own words; may be empty.
        moment: of the click.
    """
    why: dict[str, Any] = {}
    if reason is not None:
        why["reason"] = {name: reason[name] for name in ("code", "system") if name in reason}
    if comment.strip():
        why["userComment"] = comment.strip()
    told = {"overrideReason": why} if why else {}
    return {"card": card, "outcome": "overridden", **told, "outcomeTimestamp": _told(moment)}


def _told(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
