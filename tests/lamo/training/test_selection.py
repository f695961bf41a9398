"""The policies for many visits at once choose what the policies for one patient choose."""

import pytest
import torch
from torch import Tensor

from fhir_mappings.formulary import Formulary
from lamo.policies import NOTHING_BESIDE, Context, Policy, Score, select
from lamo.selection import known_pairs
from lamo.training.calibration import Calibration, calibrate
from lamo.training.selection import choose_rows, pairs_beside
from medication_safety.rulebook import Rulebook

PAIRS = Context(
    interactions={frozenset({0, 1}): 0.5, frozenset({2, 30}): 1.0},
    duplicates=frozenset({frozenset({3, 4}), frozenset({4, 5})}),
)


@pytest.fixture(scope="module")
def scored() -> tuple[Tensor, Calibration]:
    generator = torch.Generator().manual_seed(2)
    logits = torch.randn(300, 40, generator=generator) * 2 - 2
    prescribed = torch.rand(logits.shape, generator=generator) < logits.sigmoid()
    return logits, calibrate(logits, prescribed)


@pytest.mark.parametrize(
    "policy",
    [
        Policy(name="greedy"),
        Policy(),
        Policy(name="expected-jaccard"),
        Policy(name="expected-jaccard", count_ratio=0.8),
        Policy(name="balanced-jaccard"),
        Policy(name="balanced-jaccard", count_ratio=0.8),
        Policy(name="risk-control", probability_from=0.4),
        Policy(count_ratio=0.9),
        Policy(interaction_cost=1.0, duplicate_cost=2.0),
    ],
    ids=lambda policy: f"{policy.name} {policy.count_ratio} {policy.interaction_cost}",
)
def test_every_row_is_chosen_as_one_patient_is(
    policy: Policy, scored: tuple[Tensor, Calibration]
) -> None:
    log_odds, calibration = scored
    chosen = choose_rows(policy, log_odds, calibration, PAIRS)
    for row in range(len(log_odds)):
        probability = calibration.probabilities(log_odds)[row].tolist()
        fixed = (calibration.recommend_at.tolist(), calibration.balance.tolist())
        numbers = zip(log_odds[row].tolist(), probability, *fixed, strict=True)
        scores = [Score(*each) for each in numbers]
        assert set(chosen[row].nonzero()[:, 0].tolist()) == select(policy, scores, PAIRS)


def test_training_weighs_the_pairs_that_serving_weighs() -> None:
    candidates = Formulary.load().candidates
    codes = [one.rxcui for one in candidates]
    weighing = Policy(interaction_cost=1.0, duplicate_cost=1.0)
    known = known_pairs(weighing, candidates, Rulebook.load())
    beside = pairs_beside(weighing, candidates)
    inside = {pair for pair in known.interactions if pair <= set(codes)}
    assert {frozenset(codes[place] for place in pair) for pair in beside.interactions} == inside
    assert {frozenset(codes[one] for one in pair) for pair in beside.duplicates} == known.duplicates
    assert inside
    assert known.duplicates
    assert pairs_beside(Policy(), candidates) == NOTHING_BESIDE


def test_a_cap_at_the_expected_count_holds_for_every_visit(
    scored: tuple[Tensor, Calibration],
) -> None:
    log_odds, calibration = scored
    chosen = choose_rows(Policy(name="greedy", count_ratio=1.0), log_odds, calibration)
    expected = calibration.probabilities(log_odds).sum(dim=1)
    assert (chosen.sum(dim=1) <= expected + 0.5).all()


def test_weighing_duplicates_leaves_fewer_of_them_and_costs_little(
    scored: tuple[Tensor, Calibration],
) -> None:
    log_odds, calibration = scored
    plain, weighed = (
        choose_rows(policy, log_odds, calibration, PAIRS)
        for policy in (Policy(), Policy(duplicate_cost=2.0))
    )
    both = [(chosen[:, 4] & (chosen[:, 3] | chosen[:, 5])).sum() for chosen in (plain, weighed)]
    assert both[1] < both[0] / 2
    assert not (weighed & ~plain).any()
