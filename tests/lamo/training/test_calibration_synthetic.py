"""Count control on fresh synthetic patients whose true chances are known.

A model's scores are imitated: true log-odds, blurred, scaled and shifted per medication.
"""

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from fhir_mappings.formulary import Formulary
from lamo.policies import Policy
from lamo.synthetic.generator import synthesize
from lamo.training.calibration import Calibration, CalibrationPlan, calibrate
from lamo.training.conformal import RiskPlan, calibrate_with_risk, false_share
from lamo.training.evaluation import medication_ratios, set_metrics
from lamo.training.selection import choose_rows

PATIENTS = 1350  # about 2,000 visits


@dataclass(frozen=True, slots=True)
class Split:
    log_odds: Tensor
    prescribed: Tensor
    patients: list[int]


@pytest.fixture(scope="module")
def splits() -> tuple[Split, Split]:
    """Validation and fresh visits, scored by the same imitated model."""
    labels = [entry.label for entry in Formulary.load().candidates]
    generator = torch.Generator().manual_seed(31)
    scale = 0.6 + 0.6 * torch.rand(len(labels), generator=generator)
    shift = torch.randn(len(labels), generator=generator)
    parts = []
    for seed in (31, 32):
        visits = list(synthesize(PATIENTS, seed))
        truth = torch.tensor([[v.probabilities.get(name, 0.0) for name in labels] for v in visits])
        blur = torch.randn(truth.shape, generator=generator)
        parts.append(
            Split(
                log_odds=scale * (truth.logit(eps=1e-5) + blur) + shift,
                prescribed=torch.tensor(
                    [[name in v.prescribed for name in labels] for v in visits]
                ),
                patients=[visit.patient for visit in visits],
            )
        )
    return parts[0], parts[1]


@pytest.fixture(scope="module")
def calibration(splits: tuple[Split, Split]) -> Calibration:
    validation = splits[0]
    plan = CalibrationPlan(patients=validation.patients)
    return calibrate(validation.log_odds, validation.prescribed, plan)


def fresh_ratios(
    policy: Policy, fresh: Split, calibration: Calibration
) -> tuple[float, float, float]:
    chosen = choose_rows(policy, fresh.log_odds, calibration)
    micro = set_metrics(chosen, fresh.prescribed)["overprescription_ratio_micro"]
    by_medication = medication_ratios(chosen, fresh.prescribed)
    print(f"{policy.name}: ratio {micro:.3f}, by medication {by_medication}")
    return micro, by_medication["p10"], by_medication["p90"]


def test_thresholds_prescribe_as_much_as_clinicians_did_for_every_medication(
    splits: tuple[Split, Split], calibration: Calibration
) -> None:
    micro, low, high = fresh_ratios(Policy(), splits[1], calibration)
    assert 0.95 <= micro <= 1.05
    assert low >= 0.7
    assert high <= 1.3


def test_greedy_yes_is_off_for_single_medications(
    splits: tuple[Split, Split], calibration: Calibration
) -> None:
    micro, low, _ = fresh_ratios(Policy(name="greedy"), splits[1], calibration)
    assert not 0.95 <= micro <= 1.05
    assert low < 0.5


def test_expected_jaccard_beats_thresholds_and_its_cap_holds(
    splits: tuple[Split, Split], calibration: Calibration
) -> None:
    fresh = splits[1]
    best, thresholds = (
        set_metrics(choose_rows(policy, fresh.log_odds, calibration), fresh.prescribed)["jaccard"]
        for policy in (Policy(name="expected-jaccard"), Policy())
    )
    assert best > thresholds
    capped = Policy(name="expected-jaccard", count_ratio=0.8)
    assert fresh_ratios(capped, fresh, calibration)[0] < 0.84


def test_the_share_of_unsupported_recommendations_is_bounded(splits: tuple[Split, Split]) -> None:
    validation, fresh = splits
    plan = RiskPlan(alpha=0.2)
    fitted, policy = calibrate_with_risk(
        validation.log_odds, validation.prescribed, validation.patients, plan
    )
    chosen = choose_rows(policy, fresh.log_odds, fitted)
    assert 0.12 < false_share(chosen, fresh.prescribed).mean() <= 0.2
