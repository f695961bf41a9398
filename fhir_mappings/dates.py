"""FHIR dates and times of any precision. A value that is none of them is None, never an error."""

import re
from datetime import UTC, date, datetime
from functools import lru_cache

_FHIR = re.compile(
    r"(?P<year>\d{4})(?:-(?P<month>\d{2})(?:-(?P<day>\d{2})"
    r"(?P<time>[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2})?)?)?)?",
    re.ASCII,
)


@lru_cache(maxsize=4096)  # the dates of a call are read several times each
def parse_date(text: str | None) -> date | None:
    """Read a date or dateTime as the day it names, as written: no time zone is applied.

    A year or a month stands for its first day, so an age from a bare year of birth is the
    difference of the years, as in LAMO's cohort.
    """
    match = _FHIR.fullmatch(text or "")
    if match is None:
        return None
    try:
        return date(int(match["year"]), int(match["month"] or 1), int(match["day"] or 1))
    except ValueError:
        return None


@lru_cache(maxsize=4096)
def parse_instant(text: str | None) -> datetime | None:
    """Read a date, dateTime or instant as its first moment, in UTC; UTC when no zone is given."""
    day = parse_date(text)
    if text is None or day is None:
        return None
    if len(text) <= len("2020-01-01"):
        return datetime(day.year, day.month, day.day, tzinfo=UTC)
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def whole_years(born: date, on: date) -> int:
    """Birthdays had since `born` by the day `on`; negative when `on` is before `born`."""
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))


def years_before(day: date, years: int) -> date:
    """The same day `years` earlier; the 28th for the 29th of February, 0001-01-01 at the least."""
    year = day.year - years
    if year < 1:
        return date.min
    is_leap_day = (day.month, day.day) == (2, 29)
    return day.replace(year=year, day=28 if is_leap_day else day.day)
