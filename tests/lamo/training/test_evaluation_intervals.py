"""Intervals over patients, against known variances and pairs that must compare."""

import pytest
import torch

from lamo.training.evaluation.bootstrap import Interval, Resamples
from lamo.training.evaluation.subgroups import Lists, group_names, subgroup_table, widest_gaps

MANY = tuple(str(number) for number in range(400))


def test_the_interval_of_a_mean_is_as_wide_as_theory_says() -> None:
    values = torch.randn(400, generator=torch.Generator().manual_seed(1))
    interval = Resamples(MANY, seed=1).mean(values)
    half = 1.96 * values.std().item() / 20
    assert interval.value == pytest.approx(values.mean().item(), abs=1e-6)
    assert (interval.high - interval.low) / 2 == pytest.approx(half, rel=0.1)


def test_visits_of_one_patient_make_the_interval_wider_than_as_many_patients() -> None:
    values = torch.randn(100, generator=torch.Generator().manual_seed(1)).repeat(4)
    alike = Resamples(tuple(str(n) for n in range(100)) * 4, seed=1).mean(values)
    apart = Resamples(MANY, seed=1).mean(values)
    ratio = (alike.high - alike.low) / (apart.high - apart.low)
    assert ratio == pytest.approx(2, rel=0.15)


def test_pairs_show_a_difference_that_is_far_smaller_than_either_interval() -> None:
    values = torch.randn(400, generator=torch.Generator().manual_seed(1))
    resamples = Resamples(MANY, seed=1)
    difference = resamples.difference(values + 0.01, values)
    assert difference.value == pytest.approx(0.01, abs=1e-6)
    assert difference.excludes_zero
    assert resamples.mean(values).high - resamples.mean(values).low > 0.1


def test_the_same_seed_gives_the_same_interval_and_another_gives_another() -> None:
    values = torch.randn(400, generator=torch.Generator().manual_seed(1))
    first, again, other = (Resamples(MANY, seed=seed).mean(values) for seed in (1, 1, 2))
    assert first == again != other


def test_a_ratio_is_of_sums_and_not_a_mean_of_ratios() -> None:
    interval = Resamples(("a", "b"), seed=1).ratio(torch.tensor([1.0, 3]), torch.tensor([1.0, 1]))
    assert interval == Interval(2.0, 1.0, 3.0)


def test_nothing_to_resample_is_refused() -> None:
    with pytest.raises(ValueError, match="no visit to resample"):
        Resamples((), seed=1)


def test_medication_quantiles_leave_rare_medications_out() -> None:
    prescribed = torch.zeros(400, 3, dtype=torch.bool)
    prescribed[:100, :2] = True
    prescribed[0, 2] = True
    chosen = torch.zeros(400, 3, dtype=torch.bool)
    chosen[:50, 0] = chosen[:150, 1] = chosen[:, 2] = True
    found = Resamples(MANY, seed=1).medication_quantiles(chosen, prescribed, at_least=20)
    assert found["p50"].value == pytest.approx(1.0)
    assert found["p90"].value == pytest.approx(1.4)
    assert found["p10"].low < found["p10"].value < found["p10"].high


def test_a_group_that_is_served_worse_is_found_with_its_interval() -> None:
    prescribed = torch.ones(400, 4, dtype=torch.bool)
    chosen = prescribed.clone()
    chosen[:100, 2:] = False
    facts = [{"sex": "female" if row < 100 else "male", "age": 50} for row in range(400)]
    lists = Lists(chosen=chosen, prescribed=prescribed, best=prescribed)
    table = subgroup_table(lists, facts, Resamples(MANY, seed=1))
    women = next(row for row in table if row["group"] == "female")
    assert women["visits"] == 100
    assert women["jaccard"]["value"] == women["share_of_best"] == 0.5
    assert women["difference_from_others"]["value"] == -0.5
    assert women["overprescription_ratio"]["value"] == 0.5
    assert widest_gaps(table)["sex"] == {"gap": 0.5, "lowest": "female", "highest": "male"}


def test_a_group_of_everyone_has_no_others_to_differ_from() -> None:
    lists = torch.ones(400, 2, dtype=torch.bool)
    everyone = Lists(chosen=lists, prescribed=lists, best=None)
    table = subgroup_table(everyone, [{"sex": "male"}] * 400, Resamples(MANY, seed=1))
    row = next(row for row in table if row["attribute"] == "sex")
    assert row["difference_from_others"] == {"value": None, "low": None, "high": None}
    assert row["share_of_best"] is None


@pytest.mark.parametrize(
    ("facts", "attribute", "group"),
    [
        ({"age": 17}, "age", "under 18"),
        ({"age": 18}, "age", "18-39"),
        ({"age": 80}, "age", "80 and over"),
        ({"age": None}, "age", "unknown"),
        ({"diagnoses": 0}, "number of diagnoses", "0 to 3"),
        ({"diagnoses": 13}, "number of diagnoses", "13 and more"),
        ({"repeat": True}, "visit", "repeat"),
        ({}, "setting", "unknown"),
    ],
)
def test_every_visit_has_a_group_of_each_kind(
    facts: dict[str, object], attribute: str, group: str
) -> None:
    assert group_names(facts)[attribute] == group
