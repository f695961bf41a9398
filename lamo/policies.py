"""From one patient's scores to a set of medications: the policies that an artifact can name.

Pure functions over plain numbers, without torch, as serving calls them for one patient;
`lamo/training/selection.py` applies the same to many visits at once.

- greedy: every candidate whose answer is more likely Yes than No; the original's rule.
- thresholds: every candidate at or above its own `recommend_at`, which matches prescribed counts.
- expected-jaccard: the set of largest expected Jaccard, given the calibrated probabilities.
- balanced-jaccard: a list of the same length, filled by the log-odds of the probability plus the
  medication's `balance`, so that rare medications get their share of lists.
- risk-control: every candidate at or above one probability, chosen on validation patients so that
  the expected share of unsupported recommendations is bounded (`lamo/training/conformal.py`).

Greedy and thresholds can also weigh interactions and duplicates; all but risk-control can be
capped at `count_ratio` times the count that the probabilities expect.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol, get_args

from lamo.pair_search import search

PolicyName = Literal["greedy", "thresholds", "expected-jaccard", "balanced-jaccard", "risk-control"]
Guarantee = Literal["expected", "probable"]
TINY = 1e-6  # probabilities nearer to 0 or 1 count as this in a ranking
NEGLIGIBLE = 1e-15  # probability mass that the count of other medications may lose per step


class Scored(Protocol):
    """What a policy needs of a candidate; `CandidateScore` has it."""

    @property
    def log_odds(self) -> float:
        """Of Yes against No, uncalibrated."""

    @property
    def probability(self) -> float:
        """Calibrated."""

    @property
    def recommend_at(self) -> float:
        """Log-odds from which the thresholds policy recommends it."""

    @property
    def balance(self) -> float:
        """Log-odds that balanced-jaccard adds before ranking."""


class Score(NamedTuple):
    """The least that a policy needs, for callers without a `CandidateScore`."""

    log_odds: float
    probability: float
    recommend_at: float
    balance: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Which policy an artifact selects with, and its numbers."""

    name: PolicyName = "thresholds"
    count_ratio: float | None = None  # at most so many times the expected count; None: no cap
    probability_from: float | None = None  # risk-control recommends from here
    risk: float | None = None  # alpha: the bound on the share of unsupported recommendations
    guarantee: Guarantee | None = None  # what holds: see lamo/training/conformal.py
    interaction_cost: float = 0.0  # log-odds that an interaction of weight 1 costs
    duplicate_cost: float = 0.0  # log-odds that a pair of one class costs
    propose_from: float = 0.5  # a card proposes nothing less probable, whatever the policy

    def __post_init__(self) -> None:
        if self.name not in get_args(PolicyName):
            raise ValueError(f"policy {self.name!r} is unknown: use one of {get_args(PolicyName)}")
        if (self.name == "risk-control") != (self.probability_from is not None):
            raise ValueError(
                f"policy {self.name} with probability_from {self.probability_from}: risk-control "
                "needs the number that `control_risk` found, and no other policy has one"
            )
        if self.weighs_pairs and self.name not in ("greedy", "thresholds"):
            raise ValueError(
                f"policy {self.name} cannot weigh interactions or duplicates, as it has no "
                "threshold per medication: use greedy or thresholds, or set both costs to 0"
            )
        if self.name == "risk-control" and self.count_ratio is not None:
            raise ValueError(
                "a cap on the count breaks what risk-control promises: ask for a smaller risk, "
                "or leave count_ratio unset"
            )
        if min(self.interaction_cost, self.duplicate_cost, self.count_ratio or 0.0) < 0:
            raise ValueError(f"costs and count_ratio must not be negative, got {self}")

    @property
    def weighs_pairs(self) -> bool:
        """Whether interactions or duplicates cost anything."""
        return self.interaction_cost > 0 or self.duplicate_cost > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What stands beside the scores. Indices beyond the candidates are listed outsiders."""

    listed: Set[int] = frozenset()  # taken or ordered already: never chosen, always counted
    interactions: Mapping[frozenset[int], float] = field(default_factory=dict)  # weight by pair
    duplicates: Set[frozenset[int]] = frozenset()  # pairs of one class


NOTHING_BESIDE = Context()


def select(
    policy: Policy, candidates: Sequence[Scored], context: Context = NOTHING_BESIDE
) -> frozenset[int]:
    """Choose among one patient's candidates.

    Args:
        policy: from the artifact.
        candidates: every scored candidate, so that the expected count is that of all.
        context: what the patient already has, and which pairs should not stand together.

    Returns:
        Indices of the chosen candidates, none of them listed already.
    """
    cap = _cap(policy, candidates)
    if policy.name in _RANKS:
        return frozenset(_expected_jaccard(policy, candidates, cap) - context.listed)
    room = max(0, cap - sum(index < len(candidates) for index in context.listed))
    margin = _MARGINS[policy.name]
    margins = {
        index: value
        for index, candidate in enumerate(candidates)
        if index not in context.listed and (value := margin(policy, candidate)) >= 0
    }
    if policy.weighs_pairs:
        return search(margins, _pair_costs(policy, context), context.listed, room)
    return frozenset(sorted(margins, key=lambda index: -margins[index])[:room])


def expected_jaccard_size(ordered: Sequence[float], most: int) -> int:
    """How many of the likeliest medications have the largest expected Jaccard.

    With X of the k chosen and Y of the others prescribed, Jaccard is X / (k + Y), and its mean is
    E[X] E[1 / (k + Y)] when medications are drawn independently. The distribution of Y grows by
    one medication a step; what is less than NEGLIGIBLE at its far end is dropped.

    Args:
        ordered: probabilities, largest first.
        most: the largest size allowed.
    """
    hits, others = math.fsum(ordered), [1.0]
    best, best_size = -1.0, 0
    for size in range(len(ordered), 0, -1):
        probability = ordered[size - 1]
        if size <= most:
            inverse = sum(mass / (size + count) for count, mass in enumerate(others))
            if hits * inverse >= best:
                best, best_size = hits * inverse, size
        hits -= probability
        others = _one_more(others, probability)
    return 0 if others[0] >= best else best_size  # an empty list is right when nothing is given


def _one_more(counts: list[float], probability: float) -> list[float]:
    """The distribution of a count, after one more independent yes/no draw."""
    stay = 1 - probability
    grown = [
        a * stay + b * probability for a, b in zip([*counts, 0.0], [0.0, *counts], strict=True)
    ]
    while grown[-1] < NEGLIGIBLE:
        grown.pop()
    return grown


def _expected_jaccard(policy: Policy, candidates: Sequence[Scored], most: int) -> set[int]:
    size = expected_jaccard_size(sorted((c.probability for c in candidates), reverse=True), most)
    rank = _RANKS[policy.name]
    return set(sorted(range(len(candidates)), key=lambda index: -rank(candidates[index]))[:size])


def _balanced(candidate: Scored) -> float:
    probability = min(max(candidate.probability, TINY), 1 - TINY)
    return math.log(probability / (1 - probability)) + candidate.balance


_RANKS: Mapping[str, Callable[[Scored], float]] = {
    "expected-jaccard": lambda candidate: candidate.probability,
    "balanced-jaccard": _balanced,
}


def _cap(policy: Policy, candidates: Iterable[Scored]) -> int:
    """The longest list allowed: the expected count times the ratio, to the nearest whole."""
    probabilities = [candidate.probability for candidate in candidates]
    if policy.count_ratio is None:
        return len(probabilities)
    return math.floor(policy.count_ratio * math.fsum(probabilities) + 0.5)


def _pair_costs(policy: Policy, context: Context) -> dict[frozenset[int], float]:
    costs = {
        pair: policy.interaction_cost * weight for pair, weight in context.interactions.items()
    }
    for pair in context.duplicates:
        costs[pair] = costs.get(pair, 0.0) + policy.duplicate_cost
    return costs


def _over_probability(policy: Policy, candidate: Scored) -> float:
    return candidate.probability - (policy.probability_from or 0.0)


def _over_even(_: Policy, candidate: Scored) -> float:
    return candidate.log_odds if candidate.log_odds > 0 else -1.0  # a tie is not a Yes


def _over_threshold(_: Policy, candidate: Scored) -> float:
    return candidate.log_odds - candidate.recommend_at


_MARGINS: Mapping[str, Callable[[Policy, Scored], float]] = {
    "greedy": _over_even,
    "thresholds": _over_threshold,
    "risk-control": _over_probability,
}
