"""The four splits."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamo.exports.errors import SplitImpossible
from lamo.training.cohort.splits import How, SplitPlan, VisitKey, assign, overlap

ORDER = {"train": 0, "validation": 1, "test": 2}
keys_of_visits = st.lists(
    st.builds(VisitKey, st.sampled_from("abcdefghij"), st.sampled_from(["2008", "2011", "2014"])),
    min_size=1,
)


def test_lamo_s_split_has_the_sizes_of_its_cohort() -> None:
    keys = [VisitKey(str(number), None) for number in range(14_207)]

    parts = assign(SplitPlan(how="lamo"), keys)

    assert Counter(parts) == {"train": 9471, "validation": 2368, "test": 2368}
    assert parts == sorted(parts, key=ORDER.__getitem__)


def test_the_patients_across_lamo_s_boundaries_are_counted() -> None:
    keys = [VisitKey(patient, None) for patient in "aabbbbccdddd"]

    assert overlap(keys, assign(SplitPlan(how="lamo"), keys)) == 1


@pytest.mark.parametrize("how", ["patient-hash", "time", "order-time"])
@given(keys=keys_of_visits)
def test_no_patient_is_in_two_parts(how: How, keys: list[VisitKey]) -> None:
    assert overlap(keys, assign(SplitPlan(how=how), keys)) == 0


def test_a_hash_splits_four_to_one_to_one_and_anew_with_each_seed() -> None:
    keys = [VisitKey(str(number), None) for number in range(6000)]

    first, second = (assign(SplitPlan(how="patient-hash", seed=seed), keys) for seed in (1, 2))

    assert first != second
    assert first == assign(SplitPlan(how="patient-hash", seed=1), keys)
    assert Counter(first)["train"] == pytest.approx(4000, rel=0.05)
    assert Counter(first)["test"] == pytest.approx(1000, rel=0.1)


@given(keys=keys_of_visits)
def test_nothing_that_trains_is_later_than_a_bound(keys: list[VisitKey]) -> None:
    plan = SplitPlan(how="time", bounds=("2011", "2014"))

    parts = assign(plan, keys)

    trained = [key.when for key, part in zip(keys, parts, strict=True) if part == "train"]
    assert all(when == "2008" for when in trained)


def test_without_bounds_the_oldest_two_thirds_train() -> None:
    keys = [VisitKey(str(year), str(year)) for year in range(2000, 2012)]

    assert Counter(assign(SplitPlan(how="time"), keys)) == {"train": 8, "validation": 2, "test": 2}


def test_shifted_dates_cannot_be_split_by_time() -> None:
    with pytest.raises(SplitImpossible, match="split them by patient-hash"):
        assign(SplitPlan(how="time"), [VisitKey("a", None)])
