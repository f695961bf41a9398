"""The artifact's selection policies for many visits at once. Tests hold them to `lamo.policies`."""

from collections.abc import Sequence

import torch
from torch import Tensor

from lamo.policies import NOTHING_BESIDE, Context, Policy, Score, select
from lamo.selection import Coded, context_of, known_pairs
from lamo.training.calibration import Calibration
from lamo.training.evaluation.choices import expected_jaccard_choice, ranked_choice
from medication_safety.rulebook import Rulebook


def pairs_beside(policy: Policy, candidates: Sequence[Coded]) -> Context:
    """The pairs that a policy weighs, by place among the candidates; none for most policies."""
    if not policy.weighs_pairs:
        return NOTHING_BESIDE
    codes = [one.rxcui for one in candidates]
    return context_of(codes, known_pairs(policy, candidates, Rulebook.load()))


def choose_rows(
    policy: Policy,
    log_odds: Tensor,
    calibration: Calibration,
    context: Context = NOTHING_BESIDE,
) -> Tensor:
    """What the policy chooses for each visit, nothing being listed before.

    Args:
        policy: of the artifact.
        log_odds: (visits, candidates), uncalibrated.
        calibration: with which the policy goes.
        context: pairs that the policy weighs; the same for all visits.

    Returns:
        (visits, candidates) bool.
    """
    if policy.count_ratio is not None or policy.weighs_pairs:
        return _row_by_row(policy, log_odds, calibration, context)
    if policy.name == "greedy":
        return log_odds > 0
    if policy.name == "thresholds":
        return log_odds >= calibration.recommend_at
    probability = calibration.probabilities(log_odds)
    if policy.probability_from is not None:
        return probability >= policy.probability_from
    likely = expected_jaccard_choice(probability)
    if policy.name == "expected-jaccard":
        return likely
    return ranked_choice(probability, calibration.balance, likely.sum(dim=1, keepdim=True))


def _row_by_row(
    policy: Policy, log_odds: Tensor, calibration: Calibration, context: Context
) -> Tensor:
    chosen = torch.zeros(log_odds.shape, dtype=torch.bool)
    fixed = (calibration.recommend_at.tolist(), calibration.balance.tolist())
    probability = calibration.probabilities(log_odds).tolist()
    for row, numbers in enumerate(zip(log_odds.tolist(), probability, strict=True)):
        scores = [Score(*each) for each in zip(*numbers, *fixed, strict=True)]
        chosen[row, sorted(select(policy, scores, context))] = True
    return chosen
