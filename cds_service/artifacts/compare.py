"""What a shadow would have made of calls beside what was made of them, event by event.

Nothing but sums is in memory: a log may hold millions of these events.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

SIDES = ("served", "shadow")


@dataclass(slots=True)
class Apart:
    """How far the scores of one medication group are apart, in log-odds: shadow less served."""

    count: int = 0
    sum: float = 0.0
    sum_abs: float = 0.0
    most: float = 0.0

    def add(self, told: Mapping[str, float]) -> None:
        """Take what one event tells of it."""
        self.count += int(told["count"])
        self.sum += told["sum"]
        self.sum_abs += told["sum_abs"]
        self.most = max(self.most, told["most"])

    def to_json(self) -> dict[str, float]:
        """Candidates, mean, mean size and largest size of the difference."""
        return {
            "candidates": self.count,
            "mean": round(self.sum / self.count, 4),
            "mean_size": round(self.sum_abs / self.count, 4),
            "most": self.most,
        }


@dataclass(slots=True)
class Report:
    """One served artefact beside one shadow."""

    served: str  # hashes
    shadow: str
    name: str  # of the shadow, with its version
    calls: int = 0
    closed: int = 0  # whose scores are erased, or under keys that are not at hand
    choices: dict[str, Counter[str]] = field(default_factory=dict)
    cards: Counter[str] = field(default_factory=Counter)
    score_ms: Counter[str] = field(default_factory=Counter)
    groups: dict[str, Apart] = field(default_factory=dict)

    def add(self, event: Mapping[str, Any]) -> None:
        """Take one event."""
        self.calls += 1
        for kind in ("proposed", "unsupported"):
            self.choices.setdefault(kind, Counter()).update(event[kind])
        self.cards.update(event["cards"])
        change = event["cards"]["shadow"] - event["cards"]["served"]
        self.cards["more"] += max(0, change)
        self.cards["fewer"] += max(0, -change)
        self.score_ms.update(event["score_ms"])
        if "differences" not in event:
            self.closed += 1
        for group, told in event.get("differences", {}).items():
            self.groups.setdefault(group, Apart()).add(told)

    def agreement(self, kind: str) -> float | None:
        """The share of what either has that both have (Jaccard); None where neither has any."""
        found = self.choices[kind]
        return found["both"] / found.total() if found.total() else None

    def to_json(self) -> dict[str, Any]:
        """Everything, for programs."""
        return {
            "served": self.served,
            "shadow": self.shadow,
            "shadow_name": self.name,
            "calls": self.calls,
            "calls_without_scores": self.closed,
            **{
                kind: {**found, "agreement": self.agreement(kind)}
                for kind, found in self.choices.items()
            },
            "cards": dict(self.cards),
            "mean_score_ms": {side: self.score_ms[side] / self.calls for side in SIDES},
            "groups": {name: apart.to_json() for name, apart in sorted(self.groups.items())},
        }

    def lines(self) -> Iterator[str]:
        """Everything, for a person."""
        pair = f"shadow {self.name} ({self.shadow[:12]}) beside {self.served[:12]}"
        yield f"{pair}: {self.calls} calls"
        for kind, found in self.choices.items():
            share = self.agreement(kind)
            told = "none by either" if share is None else f"{share:.1%} agree"
            yield (
                f"  {kind}: {told}; both {found['both']}, served alone {found['served']}, "
                f"shadow alone {found['shadow']}"
            )
        yield (
            f"  cards: {self.cards['served']} sent, {self.cards['shadow']} by the shadow: "
            f"{self.cards['more']} more in some calls, {self.cards['fewer']} fewer in others"
        )
        served, shadow = (self.score_ms[side] / self.calls for side in SIDES)
        yield f"  scoring: {served:.1f} ms served, {shadow:.1f} ms shadow, on average"
        for name, apart in sorted(self.groups.items()):
            size = apart.to_json()
            yield (
                f"  {name}: log-odds {size['mean']:+.2f} on average, {size['mean_size']:.2f} in "
                f"size, {size['most']:.2f} at most ({apart.count} scores)"
            )
        if self.closed:
            yield f"  {self.closed} calls are counted without their scores: erased, or other keys"


def compare(events: Iterable[Mapping[str, Any]]) -> list[Report]:
    """One report for each pair of artefacts, in the order in which they were tried.

    Args:
        events: of kind "shadow", as `AuditLog.events_of_kind` returns them.
    """
    reports: dict[tuple[str, str], Report] = {}
    for event in events:
        model = event["model"]
        pair = (event["served"], model["sha256"])
        if pair not in reports:
            reports[pair] = Report(*pair, name=f"{model['name']} {model['version']}")
        reports[pair].add(event)
    return list(reports.values())
