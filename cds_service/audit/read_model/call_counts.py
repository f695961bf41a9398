"""What one call was like, as counts in bins. Pure.

A body holds nothing of a patient, so there is no mix of ages, sexes or diagnoses here: what drifts
is seen in how data arrives, in what comes of it and in how long that takes.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Body = Mapping[str, Any]
Bin = tuple[str, str]  # measure, bin

MOST_CARDS = 6  # this many, or more
RESOURCE_BINS = (0, 1, 5, 10, 20, 50, 100)  # upper bounds
BINS_PER_DECADE = 10  # of milliseconds: a bound is 1.26 times the one before
SHORTEST, LONGEST = -10, 50  # bins of latency: up to 0.1 ms, 100 s and more
NOTHING = "none"
MISSING = frozenset({"null", "absent", "failed"})  # states of an input that did not arrive
MOST_KEYS = 40  # names of inputs, stages and kinds that are told apart in one call


def counted(body: Body) -> Counter[Bin]:
    """The bins of one decision or error."""
    counts = Counter([("calls", ""), ("outcome", str(body.get("outcome")))])
    if body.get("kind") == "decision":
        counts.update(_of_decision(body))
    return counts


def latency_bin(milliseconds: float) -> str:
    """The bin of a time; its upper bound is latency_bound of it."""
    place = math.ceil(BINS_PER_DECADE * math.log10(milliseconds)) if milliseconds > 0 else SHORTEST
    return str(min(max(place, SHORTEST), LONGEST))


def latency_bound(place: int) -> float:
    """The upper bound of a bin of latency in milliseconds."""
    return float(10 ** (place / BINS_PER_DECADE))


def resource_bin(count: int) -> str:
    """The bin of a number of resources: its bounds, as "2-5"."""
    if count > RESOURCE_BINS[-1]:
        return f"{RESOURCE_BINS[-1] + 1}+"
    place = next(place for place, bound in enumerate(RESOURCE_BINS) if count <= bound)
    low, high = (RESOURCE_BINS[place - 1] + 1 if place else 0), RESOURCE_BINS[place]
    return str(high) if low == high else f"{low}-{high}"


def _of_decision(body: Body) -> Iterator[Bin]:
    yield "cards", _cards_bin(int(body.get("card_count") or 0))
    for key, told in _few(body.get("inputs")):
        yield f"input:{key}", str(told.get("state"))
        yield f"resources:{key}", resource_bin(int(told.get("resources") or 0))
    gaps = [kind for kind, count in _few(body.get("gap_counts")) for _ in range(int(count))]
    yield from (("gap", kind) for kind in gaps or [NOTHING])
    yield from _of_medications(body)
    for stage, milliseconds in _few(body.get("stage_ms")):
        yield f"latency:{stage}", latency_bin(float(milliseconds))


def _of_medications(body: Body) -> Iterator[Bin]:
    """Each rule and medication once a card, or once for what was not shown."""
    about = body.get("about") or ()
    for _, rule in _distinct(about, "rule"):
        yield "rule", rule
    for _, rxcui in _distinct(about, "rxcui"):
        yield "medication", rxcui
    for one in body.get("suppressed") or ():
        yield "suppressed why", str(one.get("why"))
        yield "suppressed rule", str(one.get("rule"))
        yield from (("suppressed medication", str(code)) for code in one.get("rxcuis") or ())


def _distinct(about: Iterable[Body], name: str) -> Iterable[tuple[str, str]]:
    return dict.fromkeys((str(row.get("card")), str(row.get(name))) for row in about)


def _cards_bin(count: int) -> str:
    return str(count) if count < MOST_CARDS else f"{MOST_CARDS}+"


def _few(told: Mapping[str, Any] | None) -> list[tuple[str, Any]]:
    return list((told or {}).items())[:MOST_KEYS]
