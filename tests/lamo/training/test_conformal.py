"""What risk control promises, on fresh draws from known probabilities."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from lamo.policies import Guarantee
from lamo.training.conformal import (
    GRID,
    NEVER,
    RiskPlan,
    calibrate_with_risk,
    control_risk,
    false_share,
    patient_losses,
    wealth,
)

DRAWS, ALPHA = 200, 0.3
Found = tuple[Tensor, Tensor, list[int]]


@dataclass(frozen=True, slots=True)
class World:
    """Overconfident scores of known chances; what is wrong about a patient stays so."""

    patients: int
    visits: int  # of each patient
    medications: int

    def draw(self, seed: int, patients: int | None = None) -> Found:
        """Probabilities as a model would say them, prescriptions, and the patient of each visit."""
        generator = torch.Generator().manual_seed(seed)
        shape = (patients or self.patients, self.medications)
        patient = torch.arange(shape[0]).repeat_interleave(self.visits)
        error = torch.randn(shape, generator=generator)[patient]
        logits = torch.randn(error.shape, generator=generator) * 2 - 1
        prescribed = torch.rand(error.shape, generator=generator) < logits.sigmoid()
        return torch.sigmoid(logits + error + 0.5), prescribed, patient.tolist()

    def risks(self, find: Callable[[Found], float]) -> Tensor:
        """The true risk of what is found in each of many draws of validation patients."""
        losses = patient_losses(*self.draw(1, 8000)).mean(dim=0).tolist()
        by_point = dict(zip(GRID, losses, strict=True)) | {NEVER: 0.0}
        draws = (self.draw(seed + 100) for seed in range(DRAWS))
        return torch.tensor([by_point[find(draw)] for draw in draws])


USUAL = World(patients=40, visits=2, medications=12)
HARDEST = World(patients=10, visits=1, medications=1)  # every loss is 0 or 1, and few are seen


def controlled(guarantee: Guarantee) -> Callable[[Found], float]:
    plan = RiskPlan(alpha=ALPHA, guarantee=guarantee)

    def find(validation: Found) -> float:
        return control_risk(*validation, plan).probability_from or 0.0

    return find


def uncontrolled(validation: Found) -> float:
    """What most would do: the least strict point whose mean on validation looks small enough."""
    means = patient_losses(*validation).mean(dim=0).tolist()
    return min(
        (at for at, mean in zip(GRID, means, strict=True) if mean <= ALPHA + 1e-9), default=NEVER
    )


@pytest.mark.parametrize("world", [USUAL, HARDEST])
def test_the_expected_share_of_fresh_patients_stays_under_alpha(world: World) -> None:
    found = world.risks(controlled("expected"))
    assert ALPHA - 0.1 < found.mean() <= ALPHA  # and not by recommending nothing


def test_without_control_the_share_exceeds_alpha() -> None:
    assert HARDEST.risks(uncontrolled).mean() > ALPHA + 0.03


def test_the_probable_promise_is_broken_in_at_most_delta_of_draws() -> None:
    found = USUAL.risks(controlled("probable"))
    assert (found > ALPHA).float().mean() <= 0.1
    assert found.mean() > ALPHA - 0.12


def test_without_control_a_third_of_draws_break_it() -> None:
    assert (USUAL.risks(uncontrolled) > ALPHA).float().mean() > 0.33


def test_betting_on_losses_at_alpha_wins_rarely() -> None:
    generator = torch.Generator().manual_seed(3)
    losses = (torch.rand(200, 4000, generator=generator) < ALPHA).double()
    won = wealth(losses, RiskPlan(alpha=ALPHA, guarantee="probable", delta=0.1)) >= 10
    assert 0.01 < won.float().mean() <= 0.1


@pytest.mark.parametrize("guarantee", ["expected", "probable"])
def test_a_promise_that_cannot_be_kept_recommends_nothing(guarantee: Guarantee) -> None:
    probability, prescribed, patients = USUAL.draw(5, 20)
    plan = RiskPlan(alpha=0.04, guarantee=guarantee)
    policy = control_risk(probability, torch.zeros_like(prescribed), patients, plan)
    assert policy.probability_from == NEVER


def test_a_patient_counts_once_however_many_visits_there_are() -> None:
    probability = torch.tensor([[0.9], [0.9], [0.9]])
    prescribed = torch.tensor([[True], [False], [False]])
    losses = patient_losses(probability, prescribed, ["a", "a", "b"])
    assert losses[:, GRID.index(0.5)].tolist() == [0.5, 1.0]
    assert losses[:, GRID.index(0.95)].tolist() == [0.0, 0.0]


def test_calibration_and_control_share_no_patient() -> None:
    probability, prescribed, patients = USUAL.draw(6, 200)
    even = torch.tensor(patients) % 2 == 0
    fits = []
    for changed in (torch.zeros_like(even), even, ~even):
        log_odds = probability.logit().masked_fill(changed[:, None], -9.0)
        fits.append(calibrate_with_risk(log_odds, prescribed, patients, RiskPlan())[0].slope)
    assert torch.equal(fits[0], fits[1])
    assert not torch.equal(fits[0], fits[2])


def test_recalibrated_scores_keep_the_promise_on_fresh_patients() -> None:
    probability, prescribed, patients = USUAL.draw(8, 800)
    plan = RiskPlan(alpha=0.25)
    calibration, policy = calibrate_with_risk(probability.logit(), prescribed, patients, plan)
    fresh, drawn, _ = USUAL.draw(9, 8000)
    chosen = calibration.probabilities(fresh.logit()) >= (policy.probability_from or 0.0)
    assert 0.15 < false_share(chosen, drawn).mean() <= 0.25


def test_an_impossible_promise_is_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        RiskPlan(alpha=1.0)
