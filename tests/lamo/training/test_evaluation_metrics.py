"""Set metrics, ratios, ranking and reliability against cases done by hand and scikit-learn."""

import math

import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score

from lamo.training.evaluation.overprescription import match_count, overprescription
from lamo.training.evaluation.ranking import (
    area_under_roc,
    average_precision,
    precision_at_count,
    ranking_metrics,
)
from lamo.training.evaluation.reliability import calibration_error, reliability_table
from lamo.training.evaluation.sets import macro_metrics, micro_metrics, set_metrics

CHOSEN = torch.tensor([[1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]).bool()
PRESCRIBED = torch.tensor([[1, 0, 1, 0], [1, 1, 0, 0], [0, 0, 0, 1]]).bool()


def test_visit_means_follow_their_definitions() -> None:
    metrics = set_metrics(CHOSEN, PRESCRIBED)
    assert metrics["jaccard"] == pytest.approx((1 / 3 + 1 / 2 + 0) / 3)
    assert metrics["precision"] == pytest.approx((1 / 2 + 1 + 0) / 3)
    assert metrics["recall"] == pytest.approx((1 / 2 + 1 / 2 + 0) / 3)
    assert metrics["f1"] == pytest.approx((1 / 2 + 2 / 3 + 0) / 3)
    assert metrics["medications_per_visit"] == 1


def test_two_empty_lists_agree_wholly() -> None:
    nothing = torch.zeros(1, 4, dtype=torch.bool)
    assert set_metrics(nothing, nothing)["jaccard"] == 1


def test_micro_counts_all_pairs_at_once() -> None:
    metrics = micro_metrics(CHOSEN, PRESCRIBED)
    assert metrics["micro_precision"] == pytest.approx(2 / 3)
    assert metrics["micro_recall"] == pytest.approx(2 / 5)
    assert metrics["micro_f1"] == pytest.approx(4 / 8)
    assert metrics["micro_jaccard"] == pytest.approx(2 / 6)


def test_macro_is_the_mean_over_prescribed_medications_and_tells_the_rarest_apart() -> None:
    never = torch.zeros(3, 1, dtype=torch.bool)
    metrics = macro_metrics(torch.cat([CHOSEN, never], 1), torch.cat([PRESCRIBED, never], 1))
    assert metrics["macro_f1"] == pytest.approx((1 + 0 + 0 + 0) / 4)
    assert metrics["macro_f1_rarest_half"] == 0


def test_every_ratio_of_a_case_done_by_hand() -> None:
    ratios = overprescription(CHOSEN, PRESCRIBED, at_least=1)
    assert ratios["ratio_micro"] == pytest.approx(3 / 5)
    assert ratios["ratio_visit_mean"] == pytest.approx((1 + 1 / 2 + 0) / 3)
    assert ratios["ratio_visit_median"] == pytest.approx(1 / 2)
    assert ratios["share_below_0.75"] == pytest.approx(2 / 3)
    assert ratios["share_above_1.25"] == ratios["excess_per_visit"] == 0
    assert ratios["false_positives_per_visit"] == pytest.approx(1 / 3)
    assert ratios["medications_never_chosen"] == 2
    expected = (0 + 0 + math.log(3) + math.log(3)) / 4  # (count + 1/2) / (count + 1/2)
    assert ratios["medication_mean_abs_log_ratio"] == pytest.approx(expected)


def test_a_ratio_of_one_in_all_does_not_hide_uneven_medications() -> None:
    prescribed = torch.zeros(40, 2, dtype=torch.bool)
    prescribed[:20, 0] = prescribed[20:, 1] = True
    chosen = torch.zeros(40, 2, dtype=torch.bool)
    chosen[:, 0] = True
    ratios = overprescription(chosen, prescribed)
    assert ratios["ratio_micro"] == 1
    assert ratios["medication_p90"] > 1.7
    assert ratios["medication_p10"] < 0.3
    assert ratios["medications_never_chosen"] == 1


def test_visits_without_a_prescription_have_no_ratio_but_count_as_excess() -> None:
    prescribed = torch.tensor([[1, 0], [0, 0]]).bool()
    ratios = overprescription(torch.ones(2, 2, dtype=torch.bool), prescribed, at_least=1)
    assert ratios["ratio_visit_mean"] == 2
    assert ratios["excess_per_visit"] == pytest.approx((1 + 2) / 2)


def test_a_matched_count_takes_the_highest_scores_wherever_they_are() -> None:
    scores = torch.tensor([[0.9, 0.8, 0.7], [0.6, 0.1, 0.2]])
    prescribed = torch.tensor([[1, 0, 0], [1, 1, 0]]).bool()
    assert match_count(scores, prescribed).tolist() == [[True] * 3, [False] * 3]


@pytest.mark.parametrize("distinct", [3, 1000])
def test_ranking_is_that_of_scikit_learn_with_ties_and_without(distinct: int) -> None:
    generator = torch.Generator().manual_seed(1)
    scores = torch.randint(distinct, (30, 12), generator=generator).float()
    wanted = torch.rand(30, 12, generator=generator) < 0.3
    wanted[:, 0], wanted[:, 1] = True, False
    pairs = list(zip(wanted.numpy(), scores.numpy(), strict=True))
    precision = [average_precision_score(*pair) for pair in pairs]
    area = [roc_auc_score(*pair) for pair in pairs]
    assert average_precision(scores, wanted).tolist() == pytest.approx(precision)
    assert area_under_roc(scores, wanted).tolist() == pytest.approx(area)


def test_a_visit_without_a_prescription_has_no_ranking_and_does_not_count() -> None:
    scores = torch.tensor([[0.9, 0.1, 0.5], [0.9, 0.1, 0.5]])
    wanted = torch.tensor([[1, 0, 0], [0, 0, 0]]).bool()
    assert average_precision(scores, wanted)[1].isnan()
    assert ranking_metrics(scores, wanted)["pr_auc_visit"] == 1


def test_precision_at_the_prescribed_count_takes_as_many_as_were_prescribed() -> None:
    scores = torch.tensor([[0.9, 0.8, 0.1, 0.2]])
    wanted = torch.tensor([[1, 0, 1, 0]]).bool()
    assert precision_at_count(scores, wanted).tolist() == [0.5]


def test_true_probabilities_have_hardly_an_error_and_shifted_ones_have_theirs() -> None:
    generator = torch.Generator().manual_seed(2)
    truth = torch.rand(20000, 3, generator=generator) * 0.6
    drawn = torch.rand(truth.shape, generator=generator) < truth
    assert calibration_error(truth, drawn)["ece"] < 0.02
    shifted = calibration_error(truth + 0.2, drawn)
    assert shifted["ece"] == pytest.approx(0.2, abs=0.01)
    assert shifted["brier"] > calibration_error(truth, drawn)["brier"]


def test_errors_that_cancel_between_medications_show_by_class_only() -> None:
    probability = torch.full((100, 2), 0.5)
    drawn = torch.zeros(100, 2, dtype=torch.bool)
    drawn[:, 0] = True
    errors = calibration_error(probability, drawn)
    assert errors["ece"] == 0.5
    assert errors["ece_pooled"] == 0


def test_the_reliability_table_holds_the_bins_that_have_pairs() -> None:
    probability = torch.tensor([[0.12], [0.13], [1.0], [0.0]])
    drawn = torch.tensor([[True], [False], [True], [False]])
    rows = reliability_table(probability, drawn)
    assert [row["from"] for row in rows] == [0.0, 0.1, 0.95]
    assert rows[1]["prescribed"] == 0.5
    assert rows[1]["probability"] == pytest.approx(0.125)
