"""Calibration and thresholds, on scores whose truth is known."""

import pytest
import torch

from lamo.probability import calibrated
from lamo.training.calibration import SUPPORTED_SHARE, CalibrationPlan, calibrate
from lamo.training.evaluation import expected_jaccard_choice, prevalence_top_k, set_metrics
from lamo.training.isotonic import LEAST_POSITIVES, MOST_POINTS, isotonic, patient_folds


def draws(visits: int = 4000) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """True probabilities, prescriptions drawn from them, and log-odds that are off."""
    generator = torch.Generator().manual_seed(7)
    logits = torch.randn(visits, 6, generator=generator) * 2 - torch.tensor([0, 0.5, 1, 2, 3, 4])
    truth = logits.sigmoid()
    prescribed = torch.rand(truth.shape, generator=generator) < truth
    return truth, prescribed, 0.5 * logits + torch.tensor([1.0, -1, 0, 2, 0, -2])


def test_distorted_scores_are_brought_back_to_the_true_probabilities() -> None:
    truth, prescribed, log_odds = draws()
    probabilities = calibrate(log_odds, prescribed).probabilities(log_odds)
    assert (probabilities - truth).abs().mean() < 0.02


def test_as_many_are_recommended_as_were_prescribed() -> None:
    _, prescribed, log_odds = draws()
    chosen = log_odds >= calibrate(log_odds, prescribed).recommend_at
    ratio = chosen.sum(dim=0) / prescribed.sum(dim=0)
    assert ((ratio > 0.9) & (ratio < 1.1)).all()


def test_nearly_all_prescribed_orders_are_supported() -> None:
    _, prescribed, log_odds = draws()
    calibration = calibrate(log_odds, prescribed)
    supported = log_odds >= calibration.support_at
    share = (supported & prescribed).sum(dim=0) / prescribed.sum(dim=0)
    assert (share > SUPPORTED_SHARE - 0.03).all()
    assert (calibration.support_at <= calibration.recommend_at).all()


def test_a_medication_never_prescribed_is_never_recommended() -> None:
    _, prescribed, log_odds = draws()
    prescribed[:, 0] = False
    chosen = log_odds >= calibrate(log_odds, prescribed).recommend_at
    assert not chosen[:, 0].any()


def test_a_rare_medication_is_calibrated_as_its_group_and_a_common_one_by_itself() -> None:
    generator = torch.Generator().manual_seed(11)
    logits = torch.randn(3000, 40, generator=generator) - 1
    logits[:, 0] -= 7  # prescribed once or twice; its scores are off as those of its group
    logits[:, 1:20] += 0.5
    groups = torch.tensor([0] * 20 + [1] * 20)
    shift = torch.tensor([3.0] * 20 + [-3.0] * 20)
    prescribed = torch.rand(logits.shape, generator=generator) < logits.sigmoid()
    log_odds = logits + shift
    fitted = calibrate(log_odds, prescribed, CalibrationPlan(groups=groups))
    offset = fitted.slope * log_odds.mean(dim=0) + fitted.bias - logits.mean(dim=0)
    assert offset[0].abs() < 1.0
    assert offset[1:].abs().max() < 0.3


def test_equal_scores_are_recommended_together_when_that_is_nearer_to_the_count() -> None:
    log_odds = torch.tensor([[3.0]] * 10 + [[0.0]] * 50 + [[-3.0]] * 40)
    prescribed = torch.zeros(100, 1, dtype=torch.bool)
    prescribed[:8] = True
    prescribed[10:14] = True
    assert (log_odds >= calibrate(log_odds, prescribed).recommend_at).sum() == 10
    prescribed[10:58] = True
    assert (log_odds >= calibrate(log_odds, prescribed).recommend_at).sum() == 60


def stepped(visits: int = 4000) -> tuple[torch.Tensor, torch.Tensor]:
    """Scores whose chance of a prescription is a step, which no sigmoid follows, and a sigmoid."""
    generator = torch.Generator().manual_seed(12)
    log_odds = torch.randn(visits, 2, generator=generator) * 2
    step = torch.where(log_odds[:, 0] > 1.0, 0.7, 0.1)
    truth = torch.stack([step, log_odds[:, 1].sigmoid()], dim=1)
    return log_odds, torch.rand(truth.shape, generator=generator) < truth


def test_a_curve_is_kept_only_where_it_predicts_other_patients_better() -> None:
    log_odds, prescribed = stepped()
    plan = CalibrationPlan(patients=range(len(log_odds)))
    fitted = calibrate(log_odds, prescribed, plan)
    assert fitted.curves[0]
    assert not fitted.curves[1]
    low = fitted.probabilities(torch.tensor([[-4.0, 0.0], [0.5, 0.0], [2.5, 0.0]]))[:, 0]
    assert low.tolist() == pytest.approx([0.1, 0.1, 0.7], abs=0.08)


def test_no_curve_is_tried_with_few_prescriptions_or_unknown_patients() -> None:
    log_odds, prescribed = stepped()
    few = prescribed & (prescribed.cumsum(dim=0) < LEAST_POSITIVES)
    plan = CalibrationPlan(patients=range(len(log_odds)))
    assert calibrate(log_odds, few, plan).curves == ((), ())
    assert calibrate(log_odds, prescribed).curves == ()


def test_a_curve_is_short_increasing_and_never_certain() -> None:
    log_odds, prescribed = stepped()
    curve = isotonic(log_odds[:, 1], prescribed[:, 1])
    assert 5 < len(curve) <= MOST_POINTS
    assert [sorted(numbers) for numbers in zip(*curve, strict=True)] == [
        list(numbers) for numbers in zip(*curve, strict=True)
    ]
    assert 0 < curve[0][1] < curve[-1][1] < 1


def test_serving_reads_the_same_probability_from_an_entry_as_training() -> None:
    log_odds, prescribed = stepped()
    fitted = calibrate(log_odds, prescribed, CalibrationPlan(patients=range(len(log_odds))))
    for index in (0, 1):
        entry = fitted.entry(index)
        numbers = (entry["slope"], entry["bias"], entry["curve"])
        served = [calibrated(value, *numbers) for value in log_odds[:50, index].tolist()]
        assert served == pytest.approx(
            fitted.probabilities(log_odds)[:50, index].tolist(), abs=1e-3
        )


def test_no_patient_is_in_two_folds() -> None:
    patients = ["a", "a", "b", "c", "b", "d", "e"]
    folds = torch.stack(list(patient_folds(patients, 3)))
    assert folds.sum(dim=0).tolist() == [1] * len(patients)
    held_out_in = folds.int().argmax(dim=0).tolist()
    assert held_out_in[0] == held_out_in[1]
    assert held_out_in[2] == held_out_in[4]


def test_the_bayes_choice_beats_every_threshold_on_the_truth() -> None:
    truth, prescribed, _ = draws()
    best = set_metrics(expected_jaccard_choice(truth), prescribed)["jaccard"]
    for threshold in (0.2, 0.35, 0.5, 0.65):
        assert best >= set_metrics(truth >= threshold, prescribed)["jaccard"]


def test_metrics_follow_their_definitions_on_a_case_done_by_hand() -> None:
    chosen = torch.tensor([[True, True, False, False], [True, False, False, False]])
    prescribed = torch.tensor([[True, False, True, False], [True, True, False, False]])
    metrics = set_metrics(chosen, prescribed)
    assert metrics["jaccard"] == pytest.approx((1 / 3 + 1 / 2) / 2)
    assert metrics["overprescription_ratio_micro"] == 3 / 4


def test_the_prevalence_list_is_the_same_for_everyone() -> None:
    _, prescribed, _ = draws()
    chosen = prevalence_top_k(prescribed, 3)
    assert chosen.sum(dim=1).tolist() == [round(prescribed.float().sum(dim=1).mean().item())] * 3


def test_support_is_judged_by_orders_that_begin_and_not_by_what_goes_on_from_home() -> None:
    """960 patients go on; of 400 who might begin, 40 do, and score as the others of them."""
    scores = torch.randn(400, 1, generator=torch.Generator().manual_seed(3)) / 2 - 2
    log_odds = torch.cat([torch.full((960, 1), 5.0), scores, torch.full((2000, 1), -9.0)])
    begins = torch.zeros(log_odds.shape, dtype=torch.bool)
    begins[960:1360:10] = True
    at_home = log_odds > 0
    warned = [
        (log_odds[begins] < calibrate(log_odds, begins | at_home, plan).support_at).float().mean()
        for plan in (CalibrationPlan(), CalibrationPlan(at_home=at_home))
    ]
    assert warned[0] > 0.5
    assert warned[1] <= 0.1
