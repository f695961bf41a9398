"""Charts as data: static/charts.js draws them, and a table says the same without JavaScript."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

MOST_SERIES = 8  # that can be told apart
Values = Sequence[float | None]  # None: a gap in the line


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Lines over time."""

    id: str
    title: str
    unit: str  # "%", "ms" or ""
    step: str  # what a point is of: month or day (UTC)
    times: Sequence[date]
    series: Mapping[str, Values]  # by label; at most MOST_SERIES

    def data(self) -> dict[str, Any]:
        """What the script draws: times in seconds since 1970."""
        return {
            "unit": self.unit,
            "step": self.step,
            "times": [int(datetime.combine(one, time(), UTC).timestamp()) for one in self.times],
            "series": [
                {"label": label, "values": list(values)} for label, values in self.series.items()
            ],
        }

    def rows(self) -> list[tuple[str, list[str]]]:
        """The same as a table: a time, and its values as texts."""
        moments = [
            one.strftime("%Y-%m" if self.step == "month" else "%Y-%m-%d") for one in self.times
        ]
        return [
            (moment, [self._text(values[place]) for values in self.series.values()])
            for place, moment in enumerate(moments)
        ]

    def _text(self, value: float | None) -> str:
        if value is None:
            return "none"
        return f"{value:,.0f}" if self.unit == "" else f"{value:,.1f} {self.unit}"
