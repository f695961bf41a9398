"""Drift: a reference period against a current one, by what calls were like."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial

from flask import request
from werkzeug.exceptions import BadRequest

from cds_service.audit.read_model.drift_reading import Day
from cds_service.reviewer.asked import medication_words
from cds_service.reviewer.charts import MOST_SERIES, Chart, Values
from cds_service.reviewer.choosing import day_of, one_of
from cds_service.reviewer.drift_tables import (
    Counts,
    compared,
    latencies,
    missing_share,
    quantiles,
    summed,
)
from cds_service.reviewer.pages import Look, Seen, desk, page
from cds_service.reviewer.statistics import MARKED, SLIGHT, TOO_NOISY

CURRENT, REFERENCE = timedelta(days=7), timedelta(days=28)
LONGEST = timedelta(days=400)
OUTCOMES = ("ok", "no-card", "partial-data", "refused", "error")


@dataclass(frozen=True, slots=True, kw_only=True)
class Periods:
    """Both periods; all four days are included."""

    reference_since: date
    reference_until: date
    since: date
    until: date

    def __post_init__(self) -> None:
        if not self.reference_since <= self.reference_until < self.since <= self.until:
            raise BadRequest("the reference period must end before the current one begins")
        if self.until - self.reference_since > LONGEST:
            raise BadRequest(f"both periods together may be {LONGEST.days} days at the most")

    def all_days(self) -> list[date]:
        """From the first to the last."""
        count = (self.until - self.reference_since).days + 1
        return [self.reference_since + timedelta(days=place) for place in range(count)]


@page("/drift", ("reviewer", "compliance", "operator"))
def drift() -> Seen:
    """Both periods side by side, and every day of them."""
    periods = _periods()
    found = desk().read_model.days(periods.reference_since, periods.until)
    service = one_of(request.args, "service", {day.service_id for day in found if day.service_id})
    model = one_of(request.args, "model", {day.model for day in found if day.model})
    chosen = [
        day for day in found if service in (None, day.service_id) and model in (None, day.model)
    ]
    before = [day for day in chosen if day.day <= periods.reference_until.isoformat()]
    after = [day for day in chosen if day.day >= periods.since.isoformat()]
    filters = {"service": service, "model": model} | {
        name: getattr(periods, name).isoformat() for name in Periods.__slots__
    }
    rows = compared(
        summed(before), summed(after), partial(medication_words, formulary=desk().formulary)
    )
    values = {
        "given": filters,
        "services": sorted({day.service_id for day in found if day.service_id}),
        "models": sorted({day.model for day in found if day.model}),
        "calls": (_calls(before), _calls(after)),
        "models_of": (_models(before), _models(after)),
        "rows": rows,
        "latencies": latencies(summed(before), summed(after)),
        "charts": _charts(chosen, periods),
        "bands": (SLIGHT, MARKED, TOO_NOISY),
    }
    kept = {name: value for name, value in filters.items() if value}
    return Seen(
        template="review/drift.html", values=values, look=Look(filters=kept, rows=len(rows))
    )


def _periods() -> Periods:
    until = day_of(request.args, "until", desk().clock().date())
    since = day_of(request.args, "since", until - CURRENT + timedelta(days=1))
    reference_until = day_of(request.args, "reference_until", since - timedelta(days=1))
    reference_since = day_of(
        request.args, "reference_since", reference_until - REFERENCE + timedelta(days=1)
    )
    return Periods(
        reference_since=reference_since, reference_until=reference_until, since=since, until=until
    )


def _calls(period: Iterable[Day]) -> int:
    return sum(sum(day.counts.get("calls", {}).values()) for day in period)


def _models(period: Sequence[Day]) -> Mapping[str, int]:
    """Calls by model; errors have none."""
    names = sorted({day.model for day in period if day.model})
    return {name: _calls(day for day in period if day.model == name) for name in names}


def _charts(found: Sequence[Day], periods: Periods) -> list[Chart]:
    times = periods.all_days()
    by_day = {time: summed(day for day in found if day.day == time.isoformat()) for time in times}
    empty: Counts = {}

    def of(measure: str) -> list[Counts]:
        return [by_day[time].get(measure, empty) for time in times]

    latency = [quantiles(counts) for counts in of("latency:total")]
    lines: dict[tuple[str, str], Mapping[str, Values]] = {
        ("Calls by outcome", ""): {
            name: [counts.get(name, 0) for counts in of("outcome")] for name in OUTCOMES
        },
        ("Cards in a call, on average", "cards"): {"cards": [_mean(one) for one in of("cards")]},
        ("Calls that lacked an input", "%"): {
            key.removeprefix("input:"): [_percent(missing_share(one)) for one in of(key)]
            for key in _most_missing(found)
        },
        ("Milliseconds of a call", "ms"): {
            "median": [one for one, _ in latency],
            "95th percentile": [one for _, one in latency],
        },
    }
    return [
        Chart(id=f"drift-{place}", title=title, unit=unit, step="day", times=times, series=series)
        for place, ((title, unit), series) in enumerate(lines.items())
    ]


def _most_missing(found: Sequence[Day]) -> list[str]:
    """The inputs that calls lacked most, as many as can be told apart in a chart."""
    shares = {
        key: missing_share(counts) or 0.0
        for key, counts in summed(found).items()
        if key.startswith("input:")
    }
    return sorted(sorted(shares), key=lambda key: -shares[key])[:MOST_SERIES]


def _mean(counts: Counts) -> float | None:
    total = sum(counts.values())
    cards = sum(int(name.rstrip("+")) * count for name, count in counts.items())
    return round(cards / total, 3) if total else None


def _percent(share: float | None) -> float | None:
    return None if share is None else round(100 * share, 2)
