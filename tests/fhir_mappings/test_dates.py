from datetime import UTC, date, datetime

import pytest

from fhir_mappings.dates import parse_date, parse_instant, whole_years, years_before


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("1950", date(1950, 1, 1)),
        ("1950-06", date(1950, 6, 1)),
        ("1950-06-30", date(1950, 6, 30)),
        ("1950-06-30T23:59:00-08:00", date(1950, 6, 30)),
    ],
)
def test_a_date_of_any_precision_is_its_first_day_as_written(text: str, day: date) -> None:
    assert parse_date(text) == day


@pytest.mark.parametrize("text", [None, "", "30.06.1950", "1950-13", "1950-02-30", "19500630", "x"])
def test_what_is_no_date_is_none(text: str | None) -> None:
    assert parse_date(text) is None
    assert parse_instant(text) is None


def test_an_instant_is_told_in_utc() -> None:
    assert parse_instant("2020-01-01T01:30:00.5+02:00") == datetime(
        2019, 12, 31, 23, 30, 0, 500_000, tzinfo=UTC
    )
    assert parse_instant("2020-01-01T01:30") == datetime(2020, 1, 1, 1, 30, tzinfo=UTC)
    assert parse_instant("2020") == datetime(2020, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2020-01-01T25:00:00Z", "0001-01-01T00:00:00+14:00"])
def test_an_impossible_instant_is_none(text: str) -> None:
    assert parse_instant(text) is None


def test_a_birthday_counts_from_its_day_on() -> None:
    assert whole_years(date(1950, 6, 2), date(2020, 6, 1)) == 69
    assert whole_years(date(1950, 6, 2), date(2020, 6, 2)) == 70


def test_a_leap_day_has_a_day_one_year_before() -> None:
    assert years_before(date(2024, 2, 29), 1) == date(2023, 2, 28)
    assert years_before(date(1, 5, 5), 1) == date.min
