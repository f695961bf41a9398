"""Which cells a card counts in, and what the first report of it says. Pure.

A card may be about several rules and medications, so adding up cells of rule and medication would
count it twice. It is therefore counted in four facets, once in each cell that it belongs to:

| facet      | cells            | answers                                        |
|------------|------------------|------------------------------------------------|
| card       | one              | how many cards                                 |
| rule       | of each rule     | how many cards of a rule                       |
| medication | of each code     | how many cards about a medication              |
| pair       | of each of both  | how many cards of a rule about a medication    |
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeVar

Facet = Literal["card", "rule", "medication", "pair"]
Measure = Literal["shown", "accepted", "overridden", "contradicted"]
MEASURES: tuple[Measure, ...] = ("shown", "accepted", "overridden", "contradicted")
NO_REASON = "none"
ANY = ""  # of rule and medication, in a facet that is not by it; also of a card about none

Body = Mapping[str, Any]
T = TypeVar("T")


class Cell(NamedTuple):
    """What a count is of: the key of table `override_count`."""

    facet: Facet
    rule: str
    month: str
    rxcui: str
    service_id: str
    client: str
    model: str
    reason: str


Counts = Counter[tuple[Cell, Measure]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A feedback that counts: of a card of ours, by the client that it was sent to."""

    card: str
    outcome: Literal["accepted", "overridden"]
    reason: str  # ANY when accepted, NO_REASON when none was given
    decision_event_id: str


def understood(derive: Callable[[Body], Iterable[T]], body: Body) -> list[T]:
    """What is derived from a body; nothing from one that was tampered with: `verify` tells."""
    try:
        return list(derive(body))
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return []


def shown(body: Body) -> Iterator[tuple[Cell, Measure]]:
    """The cells of every card of a decision."""
    for card in body.get("offered") or ():
        for cell in cells(body, card):
            yield cell, "shown"


def cells(decision: Body, card: str, reason: str = ANY) -> list[Cell]:
    """The cells that one card counts in.

    Args:
        decision: the body of the decision that it was sent with.
        card: its uuid.
        reason: of its override.
    """
    about = [row for row in decision.get("about") or () if row.get("card") == card]
    common = {
        "month": str(decision["recorded_at"])[:7],
        "service_id": str(decision.get("service_id") or "")[:64],
        "client": str(decision.get("client") or "")[:255],
        "model": model_label(decision),
        "reason": reason[:64],
    }
    return [
        Cell(facet=facet, rule=rule[:64], rxcui=rxcui[:64], **common)
        for facet, rule, rxcui in _facets(about)
    ]


def model_label(body: Body) -> str:
    """Name and version of the model of a call; "" where there was none."""
    model = body.get("model") or {}
    return f"{model.get('name', '')} {model.get('version', '')}".strip()[:100]


def report_of(body: Body) -> Report | None:
    """What a feedback says; None for one that counts for nothing."""
    if body.get("not_linked") or not (body.get("card") and body.get("decision_event_id")):
        return None
    outcome = body.get("outcome")
    if outcome != "accepted" and outcome != "overridden":
        return None
    is_override = outcome == "overridden"
    return Report(
        card=str(body["card"]),
        outcome=outcome,
        reason=str(body.get("reason_code") or NO_REASON) if is_override else ANY,
        decision_event_id=str(body["decision_event_id"]),
    )


def _facets(about: Iterable[Body]) -> list[tuple[Facet, str, str]]:
    pairs = dict.fromkeys((str(row.get("rule", ANY)), str(row.get("rxcui", ANY))) for row in about)
    rules = dict.fromkeys([rule for rule, _ in pairs] or [ANY])
    codes = dict.fromkeys([rxcui for _, rxcui in pairs] or [ANY])
    return [
        ("card", ANY, ANY),
        *(("rule", rule, ANY) for rule in rules),
        *(("medication", ANY, rxcui) for rxcui in codes),
        *(("pair", rule, rxcui) for rule, rxcui in pairs),
    ]
