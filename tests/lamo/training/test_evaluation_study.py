"""The whole evaluation on a small cohort, and the report that it writes."""

import json
from copy import deepcopy
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from lamo.training.evaluation.held_out import HeldOut, held_out_rows
from lamo.training.evaluation.report import write_report
from lamo.training.evaluation.study import (
    LIMIT,
    LINEAR_ALL,
    LINEAR_CODES,
    Report,
    Study,
    evaluate,
)
from lamo.training.evaluation.systems import Rule, ScoredSystem
from lamo.training.evaluation.wording import sentences, verdict
from tests.lamo.training.small_study import LABELS, scored, small_study, small_visits

HEAD_KEYS = {
    "jaccard",
    "bayes_optimal_jaccard",
    "overprescription_ratio_micro",
    "overprescription_ratio_p10",
    "overprescription_ratio_p90",
    "baselines",
    "command",
    "seed",
    "counts",
}


def whole_study() -> Study:
    validation, test = small_visits(200, 2), small_visits(300, 3)
    rival = ScoredSystem(
        name="untuned model",
        sees="prompt",
        role="baseline",
        validation=scored(validation, 4.0),
        test=scored(test, 4.0),
    )
    unnoted = scored(test, 0.3)
    unnoted.log_odds[:, LABELS.index("Omeprazole")] = 0.0
    return small_study(
        rivals=(rival,),
        signal={"without notes": unnoted},
        held_out=(HeldOut(name="thyroid", labels=("Levothyroxine",), scored=scored(test, 0.3)),),
    )


@cache
def body() -> dict[str, Any]:
    return dict(evaluate(whole_study()).body)


def text_of(changed: dict[str, Any]) -> str:
    return "\n".join(sentences(changed))


def test_the_top_level_holds_what_readers_look_for() -> None:
    assert body().keys() >= HEAD_KEYS
    assert body()["counts"]["test_visits"] == 300
    assert body()["counts"]["test_patients"] == 150
    assert body()["baselines"]["prevalence top-k"] < body()["jaccard"]


def test_no_system_is_better_than_the_limit_beyond_chance() -> None:
    parts = body()["systems"]
    for name in parts:
        difference = parts[name]["jaccard"] - parts[LIMIT]["jaccard"]
        assert difference < 0.02, name


def test_near_perfect_scores_come_near_the_limit_and_beat_what_sees_codes_only() -> None:
    assert body()["jaccard"] / body()["bayes_optimal_jaccard"] > 0.95
    for name, part in body()["systems"].items():
        if part["sees"] in ("codes", "nothing", "history"):
            assert part["headline_minus_this"]["low"] > 0, name


def test_every_rule_is_tried_on_every_system_with_scores() -> None:
    names = list(body()["systems"])
    for system in (LINEAR_CODES, LINEAR_ALL, "untuned model", "grouped adapters"):
        for rule in ("greedy Yes", "thresholds", "expected Jaccard"):
            assert f"{system}, {rule}" in names


def test_the_same_study_gives_the_same_report() -> None:
    assert json.dumps(evaluate(whole_study()).body) == json.dumps(body())


def test_taking_the_note_away_costs_the_lift_that_only_the_note_gives() -> None:
    (row,) = body()["signal"]
    assert row["loss"]["low"] > 0
    assert 0.02 < row["share_of_lift"] < 0.6


def test_a_baseline_that_wins_is_said_to_win() -> None:
    worse = evaluate(small_study(noise=5.0)).body
    said = text_of(dict(worse))
    assert "and it wins: the model's Jaccard is lower by" in said
    assert "it loses to logistic regression on codes, history and notes" in said
    assert "it wins" not in text_of(body())


def test_a_difference_whose_interval_holds_zero_is_no_victory() -> None:
    assert verdict({"value": 0.01, "low": -0.001, "high": 0.02}) == "no difference is shown"
    changed = deepcopy(body())
    for part in changed["systems"].values():
        part["headline_minus_this"] = {"value": 0.01, "low": -0.001, "high": 0.02}
    said = text_of(changed)
    assert "not shown to be better" in said
    assert "it is not shown to beat nearest neighbour on codes" in said


def test_ratios_outside_the_target_are_called_so_and_few_patients_prove_nothing() -> None:
    changed = deepcopy(body()) | {"overprescription_ratio_micro": 1.2}
    said = text_of(changed)
    assert "1.200 times as much as was prescribed (outside 0.95 to 1.05)" in said
    assert "150 patients prove nothing about accuracy." in said


def test_without_true_probabilities_there_is_no_limit_and_no_claim_of_one() -> None:
    study = small_study()
    plain = replace(
        study,
        validation=replace(study.validation, truth=None),
        test=replace(study.test, truth=None),
    )
    found = evaluate(plain).body
    assert found["bayes_optimal_jaccard"] is None
    assert LIMIT not in found["systems"]
    assert "true probabilities" not in text_of(dict(found))


def test_a_rule_of_ones_own_stands_beside_the_others() -> None:
    top_two = Rule("two likeliest", lambda _, __: _two_likeliest)
    study = small_study()
    found = evaluate(replace(study, rules=(*study.rules, top_two))).body
    assert found["systems"]["grouped adapters, two likeliest"]["medications_per_visit"] == 2


def _two_likeliest(log_odds: torch.Tensor) -> torch.Tensor:
    best = log_odds.topk(2, dim=1).indices
    return torch.zeros_like(log_odds, dtype=torch.bool).scatter(1, best, True)


def test_scores_of_other_visits_are_refused() -> None:
    with pytest.raises(ValueError, match="give the visits in the order of the scores"):
        small_study(test_visits=small_visits(300, 4))


def test_an_unknown_headline_is_refused_with_what_there_is() -> None:
    with pytest.raises(ValueError, match=r"no rule is named 'best': take one of \['greedy Yes'"):
        small_study(headline="best")


def test_held_out_medications_stand_beside_prevalence() -> None:
    (row,) = body()["held_out"]["medications"]
    share = row["baseline_pr_auc"]
    assert row["baseline_f1"] == pytest.approx(2 * share / (1 + share), abs=1e-3)
    assert row["auroc"] > 0.8
    assert body()["held_out"]["above_baseline_auroc"] == 1


def test_a_held_out_class_that_was_not_scored_is_refused() -> None:
    missing = HeldOut(name="statins", labels=("Simvastatin",), scored=scored(small_visits(20, 1)))
    with pytest.raises(ValueError, match="score every medication of the class"):
        held_out_rows(missing)


def test_the_report_on_disk_is_json_markdown_and_plots(tmp_path: Path) -> None:
    path = write_report(Report(body()), tmp_path / "out", "demo")
    written = json.loads(path.read_text())
    assert {key: written[key] for key in HEAD_KEYS} == {key: body()[key] for key in HEAD_KEYS}
    markdown = (tmp_path / "out" / "demo.md").read_text()
    assert f"{body()['jaccard']:.3f}" in markdown
    assert "`lamo-cds train evaluate` with seed 5" in markdown
    for plot in ("reliability", "ratios", "jaccard"):
        assert (tmp_path / "out" / f"demo-{plot}.png").read_bytes().startswith(b"\x89PNG")
        assert f"(demo-{plot}.png)" in markdown


def test_the_markdown_is_made_from_the_json_alone(tmp_path: Path) -> None:
    path = write_report(Report(body()), tmp_path / "one")
    again = write_report(Report(json.loads(path.read_text())), tmp_path / "two")
    for name in ("report.md", "report.json", "report-jaccard.png"):
        assert (path.parent / name).read_bytes() == (again.parent / name).read_bytes()
