"""What the log comes to, counted from the bodies in one pass.

Stage times are put into buckets 2 % wide, so a quantile is right to 1 % in memory that does not
grow; of feedback one outcome a card is kept, the last that was reported.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from cds_service.audit.checkpoint import parse_head
from cds_service.audit.exports.rows import Exported, Span
from cds_service.audit.heads import newest_head
from cds_service.audit.unsequenced import oldest_unsequenced_s

WIDTH = math.log(1.02)
NONE = "none"
_OF_CALLS = ("service_id", "hook", "model")


@dataclass
class Times:
    """Milliseconds of one stage."""

    buckets: Counter[int] = field(default_factory=Counter)

    def add(self, ms: float) -> None:
        """Count one time."""
        self.buckets[round(math.log(max(ms, 0.001)) / WIDTH)] += 1

    def quantile(self, share: float) -> float:
        """The time that this share of all stay under, to 1 %."""
        wanted, seen = share * self.buckets.total(), 0
        for bucket in sorted(self.buckets):
            seen += self.buckets[bucket]
            if seen >= wanted:
                return math.exp(bucket * WIDTH)
        return 0.0


@dataclass
class Stats:
    """The counts; every one is of events within the span."""

    events: int = 0
    counts: dict[str, Counter[str]] = field(
        default_factory=lambda: {name: Counter() for name in ("kind", "outcome", *_OF_CALLS)}
    )
    cards: int = 0  # shown
    suppressed: Counter[str] = field(default_factory=Counter)  # by rule
    stages: dict[str, Times] = field(default_factory=dict)
    outcomes: dict[bytes, str] = field(default_factory=dict)  # by card

    def add(self, body: Mapping[str, Any], first_id: str) -> None:
        """Count one event.

        Args:
            body: of the event.
            first_id: where the span begins: feedback on an older card is no answer to one in it.
        """
        self.events += 1
        for name in ("kind", "outcome"):
            self.counts[name][str(body[name])] += 1
        if body["kind"] == "decision":
            self._decision(body)
        elif body["kind"] == "feedback" and (body.get("decision_event_id") or "") > first_id:
            self.outcomes[bytes.fromhex(body["card"].replace("-", ""))] = body["outcome"]

    def _decision(self, body: Mapping[str, Any]) -> None:
        model = body.get("model", {})
        named = {"model": f"{model.get('name', NONE)} {model.get('version', '')}".strip()}
        for name in _OF_CALLS:
            self.counts[name][str(named.get(name) or body.get(name) or NONE)] += 1
        self.cards += body.get("card_count", 0)
        self.suppressed.update(row["rule"] for row in body.get("suppressed", ()) if "rule" in row)
        for stage, ms in body.get("stage_ms", {}).items():
            self.stages.setdefault(stage, Times()).add(float(ms))

    def feedback(self) -> dict[str, float | int | None]:
        """Responses to cards and what they were: three shares that are not each other's rest."""
        responded = len(self.outcomes)
        outcomes = Counter(self.outcomes.values())
        return {
            "cards_shown": self.cards,
            "responded": responded,
            "responded_share": _share(responded, self.cards),
            "accepted": outcomes["accepted"],
            "accepted_share": _share(outcomes["accepted"], self.cards),
            "overridden": outcomes["overridden"],
            "overridden_share": _share(outcomes["overridden"], self.cards),
        }

    def told(self) -> dict[str, Any]:
        """Everything, as JSON."""
        return {
            "events": self.events,
            **{f"by_{name}": dict(one.most_common()) for name, one in self.counts.items()},
            "feedback": self.feedback(),
            "suppressed_by_rule": dict(self.suppressed.most_common()),
            "stage_ms": {
                stage: {"p50": _round(times.quantile(0.5)), "p95": _round(times.quantile(0.95))}
                for stage, times in sorted(self.stages.items())
            },
        }


def count_all(events: Iterable[Exported], span: Span) -> Stats:
    """Count events."""
    stats, (first_id, _) = Stats(), span.ids()
    for event in events:
        stats.add(event.body, first_id)
    return stats


def tree_state(connection: Connection, now_ms: int) -> dict[str, Any]:
    """The newest head, and how long the oldest event without a place has waited."""
    newest = newest_head(connection)
    head = newest and parse_head(newest[1]).checkpoint
    return {
        "number": newest and newest[0],
        "tree_size": head.size if head else 0,
        "signed_at": head and head.signed_at,
        "lag_s": _round(oldest_unsequenced_s(connection, now_ms)),
    }


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _round(number: float) -> float:
    return float(f"{number:.3g}")
