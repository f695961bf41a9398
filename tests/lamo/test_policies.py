"""The selection policies on one patient's plain numbers."""

import math
from collections.abc import Iterator
from itertools import combinations
from random import Random

import pytest

from lamo.pair_search import search, worth
from lamo.policies import Context, Policy, Score, expected_jaccard_size, select


def scores(*log_odds: float, recommend_at: float = 1.0) -> list[Score]:
    return [Score(value, 1 / (1 + math.exp(-value)), recommend_at) for value in log_odds]


def subsets(size: int, most: int) -> Iterator[frozenset[int]]:
    for count in range(most + 1):
        yield from (frozenset(chosen) for chosen in combinations(range(size), count))


def test_greedy_takes_every_yes_and_thresholds_take_their_own() -> None:
    candidates = scores(2.0, 0.5, 0.0, -1.0)
    assert select(Policy(name="greedy"), candidates) == {0, 1}
    assert select(Policy(), candidates) == {0}


def test_risk_control_takes_every_candidate_from_its_probability() -> None:
    policy = Policy(name="risk-control", probability_from=0.5, risk=0.2, guarantee="expected")
    assert select(policy, scores(2.0, 0.5, 0.0, -1.0)) == {0, 1, 2}


@pytest.mark.parametrize("seed", range(20))
def test_the_expected_jaccard_set_beats_every_other_set(seed: int) -> None:
    rng = Random(seed)
    probabilities = [rng.random() ** 2 for _ in range(6)]
    chosen = select(Policy(name="expected-jaccard"), [Score(0, p, 0) for p in probabilities])
    best = max(mean_jaccard(other, probabilities) for other in subsets(6, 6))
    assert mean_jaccard(chosen, probabilities) == pytest.approx(best, abs=1e-12)


def mean_jaccard(chosen: frozenset[int], probabilities: list[float]) -> float:
    """By adding up all that may be prescribed."""
    total = 0.0
    for drawn in subsets(len(probabilities), len(probabilities)):
        chances = (p if i in drawn else 1 - p for i, p in enumerate(probabilities))
        union = len(chosen | drawn)
        total += math.prod(chances) * (len(chosen & drawn) / union if union else 1.0)
    return total


def test_a_patient_who_needs_nothing_gets_nothing() -> None:
    assert expected_jaccard_size([0.05, 0.01], most=2) == 0


@pytest.mark.parametrize("name", ["greedy", "thresholds", "expected-jaccard"])
def test_no_list_is_longer_than_its_share_of_the_expected_count(name: str) -> None:
    candidates = scores(*[1.5] * 4, *[1.2] * 4, recommend_at=0.0)
    expected = sum(score.probability for score in candidates)
    policy = Policy(name=name, count_ratio=0.7)  # type: ignore[arg-type]
    assert len(select(policy, candidates)) == round(0.7 * expected)
    assert select(policy, candidates) >= {0, 1, 2, 3}


def test_what_is_listed_is_counted_and_never_chosen() -> None:
    candidates = scores(*[1.5] * 8, recommend_at=0.0)
    chosen = select(Policy(count_ratio=0.5), candidates, Context(listed=frozenset({0, 1})))
    assert len(chosen) == round(0.5 * sum(score.probability for score in candidates)) - 2
    assert not chosen & {0, 1}


def test_of_a_duplicate_pair_the_better_one_stays_unless_both_are_worth_it() -> None:
    pair = Context(duplicates=frozenset({frozenset({0, 1})}))
    candidates = scores(3.0, 2.0)
    assert select(Policy(duplicate_cost=1.5), candidates, pair) == {0}
    assert select(Policy(duplicate_cost=0.5), candidates, pair) == {0, 1}


def test_an_interaction_with_what_is_taken_already_counts() -> None:
    taken = Context(listed=frozenset({7}), interactions={frozenset({0, 7}): 1.0})
    assert select(Policy(interaction_cost=5.0), scores(3.0, 2.0), taken) == {1}


def test_the_search_finds_the_best_set_of_small_cases_nearly_always() -> None:
    found = [optimum_share(Random(seed)) for seed in range(300)]
    assert sum(share > 1 - 1e-9 for share in found) >= 285
    assert min(found) > 0.9


def optimum_share(rng: Random) -> float:
    """What the search reaches, of the best of all sets."""
    margins = {index: rng.uniform(0, 2) for index in range(9)}
    pairs = [frozenset(pair) for pair in combinations(range(11), 2)]
    costs = {pair: rng.uniform(0, 2) for pair in pairs if rng.random() < 0.3}
    listed, most = frozenset({9, 10}), rng.randint(2, 9)
    chosen = search(margins, costs, listed, most)
    assert len(chosen) <= most
    best = max(worth(other, margins, costs, listed) for other in subsets(9, most))
    return worth(chosen, margins, costs, listed) / best if best > 0 else 1.0


def test_a_policy_that_cannot_be_is_refused_with_what_to_do() -> None:
    with pytest.raises(ValueError, match="use one of"):
        Policy(name="guess")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="needs the number"):
        Policy(name="risk-control")
    with pytest.raises(ValueError, match="smaller risk"):
        Policy(name="risk-control", probability_from=0.4, count_ratio=1.0)
    with pytest.raises(ValueError, match="use greedy or thresholds"):
        Policy(name="expected-jaccard", duplicate_cost=1.0)
    with pytest.raises(ValueError, match="negative"):
        Policy(interaction_cost=-1.0)
