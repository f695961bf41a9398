"""Intervals, PSI and quantiles against values that were worked out by hand."""

import math

import pytest

from cds_service.audit.read_model.call_counts import latency_bin
from cds_service.reviewer.statistics import joined, quantile, stability, wilson


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    [
        # (p + z2/2n -+ z sqrt(p(1-p)/n + z2/4n2)) / (1 + z2/n), z = 1.96
        (50, 100, 0.4038, 0.5962),
        (81, 263, 0.2553, 0.3662),  # Newcombe, Stat Med 1998;17:857-872, table I
        (15, 148, 0.0624, 0.1605),
        (1, 29, 0.0061, 0.1718),
        (0, 20, 0.0, 0.1611),
        (20, 20, 0.8389, 1.0),
    ],
)
def test_wilson(part: int, whole: int, low: float, high: float) -> None:
    rate = wilson(part, whole)
    assert rate is not None
    assert (rate.low, rate.high) == pytest.approx((low, high), abs=6e-5)


def test_of_nothing_there_is_no_share() -> None:
    assert wilson(0, 0) is None


def test_a_part_above_the_whole_is_refused() -> None:
    with pytest.raises(ValueError, match="3 of 2 is no share"):
        wilson(3, 2)


def test_psi_is_that_of_the_formula() -> None:
    # 0.5 more in each bin: 800.5/1001 to 500.5/1001 and 200.5/1001 to 500.5/1001
    found = stability({"a": 800, "b": 200}, {"a": 500, "b": 500})
    by_hand = -300 / 1001 * math.log(500.5 / 800.5) + 300 / 1001 * math.log(500.5 / 200.5)
    assert found.index == pytest.approx(by_hand)
    assert found.index == pytest.approx(0.41490, abs=5e-5)
    assert found.by_chance == pytest.approx(0.002)
    assert found.band == "marked"


def test_an_empty_bin_gives_a_number() -> None:
    # 1000.5/1001 and 0.5/1001 to 900.5/1001 and 100.5/1001
    found = stability({"a": 1000}, {"a": 900, "b": 100})
    by_hand = 100 / 1001 * (math.log(1000.5 / 900.5) + math.log(100.5 / 0.5))
    assert found.index == pytest.approx(by_hand)
    assert found.band == "marked"


@pytest.mark.parametrize(
    ("after", "band"),
    [
        ((500, 500), "stable"),
        ((620, 380), "stable"),
        ((680, 320), "slight"),
        ((800, 200), "marked"),
    ],
)
def test_the_usual_bands(after: tuple[int, int], band: str) -> None:
    current = dict(zip("ab", after, strict=True))
    assert stability({"a": 500, "b": 500}, current).band == band


def test_too_few_events_are_said_to_be_too_few() -> None:
    found = stability({"a": 40, "b": 10}, {"a": 5, "b": 5})
    assert found.by_chance == pytest.approx(1 / 50 + 1 / 10)
    assert found.band == "too few"
    assert stability({"a": 9}, {}).band == "too few"


def test_quantiles_are_within_a_bin_of_the_truth() -> None:
    times = [1.07**power for power in range(100)]
    counts: dict[str, int] = {}
    for one in times:
        counts[latency_bin(one)] = counts.get(latency_bin(one), 0) + 1
    for share in (0.5, 0.95):
        found = quantile(counts, share)
        assert found is not None
        assert 1 / 1.26 < found / times[round(100 * share) - 1] < 1.26
    assert quantile({}, 0.5) is None


def test_rare_bins_are_one() -> None:
    before, after = joined([{"a": 995, "b": 2}, {"a": 990, "c": 3}], 0.01, "others")
    assert (before, after) == ({"a": 995, "others": 2}, {"a": 990, "others": 3})
