"""A system is a name and what it chose; a rule turns its scores into choices."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from torch import Tensor

from lamo.policies import Policy
from lamo.training.calibration import Calibration, calibrate
from lamo.training.evaluation.choices import expected_jaccard_choice
from lamo.training.scored import Scored
from lamo.training.selection import choose_rows

Sees = Literal["nothing", "codes", "history", "codes and notes", "prompt", "the truth"]
Role = Literal["baseline", "model", "limit"]
Chooser = Callable[[Tensor], Tensor]  # (visits, candidates) log-odds -> bool
Calibrator = Callable[[Scored], Calibration]  # from validation scores


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """What one way of recommending chose on the test visits."""

    name: str
    sees: Sees
    role: Role
    chosen: Tensor  # (visits, candidates) bool
    probability: Tensor | None = None  # calibrated on validation; None: it has no scores


@dataclass(frozen=True, slots=True)
class Rule:
    """A way to choose from scores, given validation scores and the calibration made on them."""

    name: str
    fit: Callable[[Scored, Calibration], Chooser]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredSystem:
    """Scores of one system on both splits."""

    name: str
    sees: Sees
    role: Role
    validation: Scored
    test: Scored


def chosen_by(
    system: ScoredSystem, calibration: Calibration, rules: Iterable[Rule]
) -> list[System]:
    """The system once per rule, each learned on its own validation scores."""
    probability = calibration.probabilities(system.test.log_odds)
    return [
        System(
            name=f"{system.name}, {rule.name}",
            sees=system.sees,
            role=system.role,
            chosen=rule.fit(system.validation, calibration)(system.test.log_odds),
            probability=probability,
        )
        for rule in rules
    ]


def plain_calibration(validation: Scored) -> Calibration:
    """All medications as one group, without isotonic curves."""
    return calibrate(validation.log_odds, validation.prescribed)


def greedy_yes() -> Rule:
    """The original's rule: recommend where Yes is likelier than No."""
    return Rule("greedy Yes", lambda _, __: lambda log_odds: log_odds > 0)


def count_matching_thresholds() -> Rule:
    """Per medication, the threshold above which as many visits lie as were prescribed."""

    def fit(_: Scored, calibration: Calibration) -> Chooser:
        return lambda log_odds: log_odds >= calibration.recommend_at

    return Rule("thresholds", fit)


def expected_jaccard() -> Rule:
    """Per visit, the list of largest expected Jaccard by the calibrated probabilities."""

    def fit(_: Scored, calibration: Calibration) -> Chooser:
        return lambda log_odds: expected_jaccard_choice(calibration.probabilities(log_odds))

    return Rule("expected Jaccard", fit)


def balanced_jaccard() -> Rule:
    """Lists as long, but every medication near the count in which it is prescribed."""

    def fit(_: Scored, calibration: Calibration) -> Chooser:
        return partial(choose_rows, Policy(name="balanced-jaccard"), calibration=calibration)

    return Rule("balanced Jaccard", fit)
