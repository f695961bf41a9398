"""The tables of the page on overrides: rates with their intervals, small cells hidden. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from cds_service.audit.read_model.override_reading import Tally
from cds_service.reviewer.small_cells import (
    MOST,
    SMALLEST,
    Hidden,
    Part,
    Why,
    hidden_cells,
    why_hidden,
)
from cds_service.reviewer.statistics import Rate, wilson

WORDS: Mapping[Why, str] = {
    "few": f"fewer than {SMALLEST}",
    "all but few": f"all but fewer than {SMALLEST}",
    "hidden": "hidden",
}
NONE: Hidden = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One rate as it is shown."""

    rate: Rate | None = None  # None: hidden, or nothing to have a share of
    words: str = ""  # in its place


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row of a table."""

    key: str
    shown: int | None  # cards; None: hidden
    words: str  # in place of a number of cards
    response: Figure  # responded of shown
    acceptance: Figure  # accepted of responded
    override: Figure  # overridden of responded


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One reason of overrides."""

    key: str
    share: Figure  # of all overrides


def total_line(total: Tally, *, is_whole: bool = False) -> Line:
    """All cards in one line."""
    return _lines([("", total)], total, is_whole=is_whole)[0]


def lines(tallies: Mapping[str, Tally], total: Tally, *, is_whole: bool = False) -> list[Line]:
    """A line for each, the one of most cards first.

    Args:
        tallies: by what the lines are of.
        total: of all cards, which stands on the page.
        is_whole: hide nothing, for who may see the single events.
    """
    ordered = sorted(tallies.items(), key=lambda one: (-one[1].shown, one[0]))
    return _lines(ordered, total, is_whole=is_whole)


def reasons(tallies: Mapping[str, Tally], total: Tally, *, is_whole: bool = False) -> list[Reason]:
    """A line for each reason; none where the number of overrides is hidden."""
    if total_line(total, is_whole=is_whole).override.rate is None:
        return []
    given = {key: tally.overridden for key, tally in tallies.items() if tally.overridden}
    ordered = sorted(given.items(), key=lambda one: (-one[1], one[0]))
    hidden = {} if is_whole else hidden_cells([Part(value=count) for _, count in ordered])
    return [
        Reason(key=key, share=_figure(count, total.overridden, hidden.get(place)))
        for place, (key, count) in enumerate(ordered)
    ]


def count_text(count: int, *, is_whole: bool = False) -> str:
    """A count that stands alone, or what stands in its place."""
    why = None if is_whole else why_hidden(Part(value=count))
    return WORDS[why] if why else f"{count:,}"


def _lines(rows: Sequence[tuple[str, Tally]], total: Tally, *, is_whole: bool) -> list[Line]:
    # a report may have its place, and be counted, a moment before its card
    rows = [(key, replace(tally, shown=max(tally.shown, tally.responded))) for key, tally in rows]
    counts = [tally for _, tally in rows]
    shown, responded, accepted = (NONE, NONE, NONE) if is_whole else _hidden(counts, total)
    return [
        Line(
            key=key,
            shown=None if place in shown else tally.shown,
            words=WORDS[shown[place]] if place in shown else "",
            response=_figure(tally.responded, tally.shown, responded.get(place)),
            acceptance=_figure(tally.accepted, tally.responded, accepted.get(place)),
            override=_figure(tally.overridden, tally.responded, _other_side(accepted.get(place))),
        )
        for place, (key, tally) in enumerate(rows)
    ]


def _hidden(rows: Sequence[Tally], total: Tally) -> tuple[Hidden, Hidden, Hidden]:
    """Of cards shown, of those responded to, and of those accepted; each hides what is below it."""
    is_told = why_hidden(Part(value=total.shown)) is None
    shown = hidden_cells([Part(value=row.shown) for row in rows], is_sum_told=is_told)
    is_told = is_told and why_hidden(_responded(total)) is None
    responded = hidden_cells(
        [_responded(row, is_hidden=place in shown) for place, row in enumerate(rows)],
        is_sum_told=is_told,
    )
    is_told = is_told and why_hidden(_accepted(total)) is None
    accepted = hidden_cells(
        [_accepted(row, is_hidden=place in responded) for place, row in enumerate(rows)],
        is_sum_told=is_told,
    )
    return shown, responded, accepted


def _responded(tally: Tally, *, is_hidden: bool = False) -> Part:
    return Part(value=tally.responded, whole=tally.shown, is_whole_hidden=is_hidden)


def _accepted(tally: Tally, *, is_hidden: bool = False) -> Part:
    return Part(value=tally.accepted, whole=tally.responded, is_whole_hidden=is_hidden)


def _other_side(why: Why | None) -> Why | None:
    """What stands in the place of the rest of a hidden part."""
    sides: Mapping[Why, Why] = {"few": "all but few", "all but few": "few", "hidden": "hidden"}
    return sides[why] if why else None


def _figure(part: int, whole: int, why: Why | None) -> Figure:
    if why is None:
        return Figure(rate=wilson(part, whole), words="" if whole else "none to count")
    bound = min(1.0, math.ceil(1000 * MOST / whole) / 1000) if whole else 0.0
    if why == "few" and whole > MOST:
        return Figure(words=f"at most {bound:.1%} ({WORDS[why]})")
    if why == "all but few" and whole > MOST:
        return Figure(words=f"at least {1 - bound:.1%} ({WORDS[why]})")
    return Figure(words=WORDS[why])
