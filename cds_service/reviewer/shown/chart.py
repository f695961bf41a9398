"""Where the marks of the two drawings of a decision stand: its scores, and its stages in time.

Scores and thresholds are log-odds and share one axis; calibrated probabilities and base rates are
shares and have another. All is in units of the drawing, which a template prints as SVG.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cds_service.reviewer.shown.scores import ScoreShown

WIDTH = 1000
ROW = 20  # height of one candidate or stage
TOP = 24  # above the first row: the axis
ODDS_LEFT, ODDS_RIGHT = 270, 640
SHARE_LEFT, SHARE_RIGHT = 670, 840
TIME_LEFT, TIME_RIGHT = 140, 900
LABEL_CHARACTERS = 36
MOST_TICKS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One candidate."""

    score: ScoreShown
    label: str  # cut to its room
    y: float  # of its middle
    x: float | None  # of its score
    recommend_x: float | None
    support_x: float | None
    share_width: float  # of its probability
    base_x: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """The drawing of some candidates."""

    height: float
    rows: Sequence[Row]
    ticks: Sequence[tuple[float, str]]  # x and text, of log-odds
    shares: Sequence[tuple[float, str]]  # of probabilities


@dataclass(frozen=True, slots=True, kw_only=True)
class StageBar:
    """One stage of a call."""

    name: str
    ms: float
    y: float
    x: float
    width: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """The stages of a call, one behind the other."""

    height: float
    bars: Sequence[StageBar]
    total_ms: float


def chart_of(rows: Sequence[ScoreShown], beside: Sequence[ScoreShown]) -> Chart:
    """The drawing of some candidates, on the axis of all that it stands beside."""
    low, high = _bounds(beside)

    def x_of(odds: float | None) -> float | None:
        return None if odds is None else _placed((odds - low) / (high - low), ODDS_LEFT, ODDS_RIGHT)

    return Chart(
        height=TOP + ROW * len(rows) + ROW / 2,
        rows=[
            Row(
                score=one,
                label=_cut(one.label),
                y=TOP + ROW * (place + 0.5),
                x=x_of(one.log_odds),
                recommend_x=x_of(one.recommend_at),
                support_x=x_of(one.support_at),
                share_width=_share_x(one.probability or 0.0) - SHARE_LEFT,
                base_x=None if one.base_rate is None else _share_x(one.base_rate),
            )
            for place, one in enumerate(rows)
        ],
        ticks=[(x_of(odds) or 0.0, f"{odds:g}") for odds in _ticks(low, high)],
        shares=[(_share_x(share), f"{share:.0%}") for share in (0.0, 0.5, 1.0)],
    )


def timeline_of(stages: Sequence[tuple[str, float]], total_ms: float) -> Timeline:
    """The stages of a call in their order; each begins where the one before ends."""
    whole = max(total_ms, sum(ms for _, ms in stages), 0.001)
    bars, begun = [], 0.0
    for place, (name, ms) in enumerate(stages):
        x = _placed(begun / whole, TIME_LEFT, TIME_RIGHT)
        width = max(1.0, ms / whole * (TIME_RIGHT - TIME_LEFT))
        bars.append(StageBar(name=_cut(name), ms=ms, y=ROW * (place + 0.5), x=x, width=width))
        begun += ms
    return Timeline(height=ROW * (len(bars) + 0.5), bars=bars, total_ms=total_ms)


def _bounds(rows: Sequence[ScoreShown]) -> tuple[float, float]:
    """The least and the greatest of all log-odds, a little apart at the least."""
    found = [
        odds
        for one in rows
        for odds in (one.log_odds, one.recommend_at, one.support_at)
        if odds is not None
    ]
    low, high = min(found, default=0.0), max(found, default=0.0)
    return math.floor(low), max(math.ceil(high), math.floor(low) + 1)


def _ticks(low: float, high: float) -> Iterator[float]:
    step = next(
        step * 10**power
        for power in range(12)
        for step in (1, 2, 5)
        if (high - low) / (step * 10**power) <= MOST_TICKS
    )
    at = math.ceil(low / step) * step
    while at <= high:
        yield at
        at += step


def _placed(part: float, left: float, right: float) -> float:
    return round(left + part * (right - left), 1)


def _share_x(share: float) -> float:
    return _placed(min(max(share, 0.0), 1.0), SHARE_LEFT, SHARE_RIGHT)


def _cut(label: str) -> str:
    return label if len(label) <= LABEL_CHARACTERS else label[: LABEL_CHARACTERS - 1] + "…"
