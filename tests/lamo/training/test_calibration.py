"""Calibration and thresholds, on scores whose truth is known."""

import pytest
import torch

from lamo.training.calibration import SUPPORTED_SHARE, calibrate
from lamo.training.evaluation import expected_jaccard_choice, prevalence_top_k, set_metrics


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
