"""The rows of a table to lines, what a row is about first."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_SUBJECT = re.compile(  # name of the column that says what a row is about
    r"(?:active |current )?(?:medications?|drugs?|medicines?|substances?|allergens?|allerg(?:y|ies)"
    r"|agents?|allergy/agent|problems?|conditions?|diagnos[ie]s|procedures?|names?)(?: name)?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row, each cell on one line."""

    cells: tuple[str, ...]
    is_head: bool
    is_spanning: bool  # has a cell over several rows or columns


def table_lines(rows: Sequence[Row]) -> list[str]:
    """A line for each row that says something.

    With one header over cells that all stand alone, what the row is about comes first and the other
    cells carry their column's name: "- Atenolol 25 MG Oral Tablet | Directions: daily". Other
    tables keep all their rows as they are: a name on the wrong cell is worse than none.
    """
    heads = [row for row in rows if row.is_head]
    if len(heads) != 1 or any(row.is_spanning for row in rows):
        return [_line(row.cells) for row in rows]
    names = heads[0].cells
    return [_line(_named(row.cells, names)) for row in rows if not row.is_head]


def _named(cells: Sequence[str], names: Sequence[str]) -> Sequence[str]:
    if len(cells) != len(names):
        return cells
    subject = next((i for i, name in enumerate(names) if _SUBJECT.fullmatch(name)), 0)
    others = [
        f"{name.rstrip(':')}: {cell}" if name else cell
        for i, (name, cell) in enumerate(zip(names, cells, strict=True))
        if cell and i != subject
    ]
    return [cells[subject], *others]


def _line(cells: Sequence[str]) -> str:
    return f"- {' | '.join(cell for cell in cells if cell)}"
