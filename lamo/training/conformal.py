"""A finite-sample bound on overprescription: how likely a medication must be to be recommended.

The risk of a probability `from` is the expected share of unsupported recommendations of a fresh
patient: false positives / recommended, 0 where nothing is recommended, mean over the patient's
visits. Patients are exchangeable, their visits are not; so a patient is one observation. The share
is not monotone in `from` (dropping a true recommendation raises it), and what holds despite that
depends on the guarantee asked for:

- expected: conformal risk control (Angelopoulos et al. 2022) of the monotonised loss, the largest
  share at this `from` or any stricter one of the grid. The share is never above it, so
  E[share of a fresh patient] <= alpha, the mean being over validation patients as well.
- probable: Learn then Test (Angelopoulos et al. 2021), fixed sequence from the strictest `from`.
  Each step rejects "the risk exceeds alpha" with a betting martingale (Waudby-Smith and Ramdas
  2020; Ville's inequality), valid for any independent losses in [0, 1] in an order that does not
  depend on them. With a probability of at least 1 - delta over the draw of validation patients,
  the expected share of a fresh patient is at most alpha. No monotone loss is needed.

Both hold only for patients drawn as the validation patients were, for probabilities that were
fitted on other patients than these, and for the whole list that the policy chooses: a shorter
list, such as what is left after the safety rules or beyond what is taken already, has no bound of
its own.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lamo.policies import Guarantee, Policy
from lamo.training.calibration import Calibration, CalibrationPlan, calibrate
from lamo.training.isotonic import patient_folds

GRID = tuple(round(0.01 * step, 2) for step in range(99, 0, -1))  # strictest first, never fitted
NEVER = 2.0  # a probability that no medication has: nothing is recommended
LARGEST_BET = 0.75  # of what a single worst loss could take


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskPlan:
    """What is promised, and how."""

    alpha: float = 0.2  # expected share of unsupported recommendations
    guarantee: Guarantee = "expected"
    delta: float = 0.1  # for "probable": the chance that the promise is broken

    def __post_init__(self) -> None:
        if not (0 < self.alpha < 1 and 0 < self.delta < 1):
            raise ValueError(
                f"alpha {self.alpha} and delta {self.delta} must lie between 0 and 1, exclusive"
            )


def control_risk(
    probability: Tensor, prescribed: Tensor, patients: Sequence[Hashable], plan: RiskPlan
) -> Policy:
    """Find the least strict probability that keeps the promise.

    Args:
        probability: (visits, candidates), by a calibration fitted on other patients.
        prescribed: (visits, candidates) bool.
        patients: of each visit.
        plan: the promise.

    Returns:
        A risk-control policy; it recommends nothing when no probability keeps the promise.
    """
    losses = patient_losses(probability, prescribed, patients)
    find = _expected if plan.guarantee == "expected" else _probable
    return Policy(
        name="risk-control",
        probability_from=find(losses, plan),
        risk=plan.alpha,
        guarantee=plan.guarantee,
    )


def calibrate_with_risk(
    log_odds: Tensor, prescribed: Tensor, patients: Sequence[Hashable], plan: RiskPlan
) -> tuple[Calibration, Policy]:
    """Calibrate on every other patient and control the risk on those between.

    The policy's promise holds with this calibration only: it must be packed with it.
    """
    controlled = next(iter(patient_folds(patients, 2)))
    fitted = [
        patient for patient, out in zip(patients, controlled.tolist(), strict=True) if not out
    ]
    others = [patient for patient, out in zip(patients, controlled.tolist(), strict=True) if out]
    calibration = calibrate(
        log_odds[~controlled], prescribed[~controlled], CalibrationPlan(patients=fitted)
    )
    probability = calibration.probabilities(log_odds[controlled])
    return calibration, control_risk(probability, prescribed[controlled], others, plan)


def patient_losses(probability: Tensor, prescribed: Tensor, patients: Sequence[Hashable]) -> Tensor:
    """Each patient's mean share of unsupported recommendations, (patients, len(GRID))."""
    number: dict[Hashable, int] = {}
    patient = torch.tensor([number.setdefault(one, len(number)) for one in patients])
    shares = torch.stack([false_share(probability >= at, prescribed) for at in GRID], dim=1)
    sums = torch.zeros(len(number), len(GRID), dtype=torch.float64).index_add(0, patient, shares)
    visits = torch.bincount(patient, minlength=len(number))
    return sums / visits[:, None]


def false_share(chosen: Tensor, prescribed: Tensor) -> Tensor:
    """(visits, candidates) bool each -> (visits,) float64, 0 where nothing is chosen."""
    false = (chosen & ~prescribed).sum(dim=1).double()
    return false / chosen.sum(dim=1).clamp(min=1)


def _expected(losses: Tensor, plan: RiskPlan) -> float:
    """The least strict point where (sum of monotone losses + 1) / (patients + 1) <= alpha."""
    monotone = losses.cummax(dim=1).values  # strictest first: the largest so far
    bound = (monotone.sum(dim=0) + 1) / (len(losses) + 1)
    kept = int((bound <= plan.alpha).sum())  # bound never falls along the grid
    return GRID[kept - 1] if kept else NEVER


def _probable(losses: Tensor, plan: RiskPlan) -> float:
    """The last point before the first whose risk cannot be shown to be at most alpha."""
    shown = wealth(losses, plan) >= 1 / plan.delta
    kept = int(shown.long().cumprod(dim=0).sum())
    return GRID[kept - 1] if kept else NEVER


def wealth(losses: Tensor, plan: RiskPlan) -> Tensor:
    """The most that betting against "the risk exceeds alpha" ever won, (columns,), from 1.

    Each patient multiplies the wealth by 1 + bet * (alpha - loss), with a bet that depends on the
    patients before only. Were the risk above alpha, the wealth would not grow on average, and
    would ever reach 1 / delta with a chance of at most delta.
    """
    seen = torch.arange(1, len(losses) + 1, dtype=torch.float64)[:, None]
    mean = (losses.cumsum(dim=0) + 0.5) / (seen + 1)
    variance = ((losses - mean).square().cumsum(dim=0) + 0.25) / (seen + 1)
    before = torch.cat([torch.full_like(variance[:1], 0.25), variance[:-1]])
    bet = (2 * math.log(1 / plan.delta) / (len(losses) * before)).sqrt()
    bet = bet.clamp(max=LARGEST_BET / (1 - plan.alpha))
    growth = (1 + bet * (plan.alpha - losses)).log().cumsum(dim=0)
    return growth.amax(dim=0).clamp(min=0).exp()
