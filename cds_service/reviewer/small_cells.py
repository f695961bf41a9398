"""Which counts of a column are too small to be shown, and which others would give them away. Pure.

A cell of 1 to SMALLEST - 1 is not shown; 0 is. Neither is a cell whose rest, the whole less the
part, is that small. Whoever knows the sum of a column and all cells that are shown knows the sum of
those that are not, so more are hidden until that sum leaves every small one anywhere in its range.
The policy is that of CMS for its own data (resdac.org, Cell Size Suppression Policy).

What is guaranteed: from one column of one table and its sum, no hidden count can be narrowed
further than the words in its place say. What is not: two pages with different filters, or two
tables of a page, may differ by few cards; who looks at what is recorded.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

SMALLEST = 11
MOST = SMALLEST - 1

Why = Literal["few", "all but few", "hidden"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A count, and what it is a part of."""

    value: int
    whole: int | None = None  # None: of nothing that is told
    is_whole_hidden: bool = False  # then this is as well


Hidden = Mapping[int, Why]  # by the place in the column


def hidden_cells(column: Sequence[Part], *, is_sum_told: bool = True) -> Hidden:
    """Which cells are not shown, and what stands in their place.

    Args:
        column: every row.
        is_sum_told: the sum of the column stands somewhere on the page.
    """
    hidden = {place: why for place, part in enumerate(column) if (why := why_hidden(part))}
    if not is_sum_told:
        return hidden
    can_help = (place for place in _smallest_first(column) if place not in hidden)
    while hidden and not _is_safe(column, hidden):
        more = next(can_help, None)
        if more is None:  # nothing protects them: hide all that is not 0, and say nothing of why
            return {place: "hidden" for place, part in enumerate(column) if _is_told(part)}
        hidden[more] = "hidden"
    return hidden


def why_hidden(part: Part) -> Why | None:
    """What stands in the place of a count for its own sake; None: it may be shown."""
    if part.is_whole_hidden:
        return "hidden"
    if 0 < part.value < SMALLEST:
        return "few"
    is_rest_small = part.whole is not None and 0 < part.whole - part.value < SMALLEST
    return "all but few" if is_rest_small else None


def _is_told(part: Part) -> bool:
    return part.value > 0 or part.is_whole_hidden


def _smallest_first(column: Sequence[Part]) -> list[int]:
    """Rows that may be hidden for the others' sake; one of 0 would protect nothing."""
    told = [place for place, part in enumerate(column) if part.value >= SMALLEST]
    return sorted(told, key=lambda place: column[place].value)


def _is_safe(column: Sequence[Part], hidden: Hidden) -> bool:
    """Whether the sum of the hidden ones leaves each that is small its whole range."""
    ranges = {place: _range(column[place], why) for place, why in hidden.items()}
    total = sum(column[place].value for place in hidden)
    least = sum(low for low, _ in ranges.values())
    most = sum(high for _, high in ranges.values())
    return all(
        total - (most - high) <= low and total - (least - low) >= high
        for place, (low, high) in ranges.items()
        if _is_small(column[place])
    )


def _range(part: Part, why: Why) -> tuple[float, float]:
    """What a reader knows of a hidden count from what stands in its place."""
    if part.is_whole_hidden:
        # of how many is not told: for a small one at least this wide
        return (0, MOST) if _is_small(part) else (0, max(part.value, MOST))
    if why == "few":
        return 1, min(MOST, part.whole or MOST)
    if why == "all but few" and part.whole is not None:
        return max(SMALLEST, part.whole - MOST), part.whole - 1
    # hidden for the others' sake: it is not small, and neither is its rest
    return SMALLEST, math.inf if part.whole is None else max(SMALLEST, part.whole - SMALLEST)


def _is_small(part: Part) -> bool:
    return why_hidden(part) in ("few", "all but few") or (
        part.is_whole_hidden and 0 < part.value < SMALLEST
    )
