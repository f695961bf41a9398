"""The narrative of a C-CDA section to lines: a paragraph, a row or an item a line."""

import re

from lxml import etree

from fhir_mappings.attachments.tables import Row, table_lines
from fhir_mappings.attachments.unread import UnreadText

_MOST_DEEP = 60  # elements within elements
_SPACE = re.compile(r"\s+")
_RUN = re.compile(" +")
_BLOCKS = frozenset({"paragraph", "caption", "list"})
_ROWS = frozenset({"thead", "tbody", "tfoot"})


def one_line(words: str) -> str:
    """Words with their white space collapsed."""
    return _SPACE.sub(" ", words).strip()


def lines_of(text: etree._Element) -> list[str]:
    """The lines of a section's text element; none where it says nothing.

    Rows and items begin with "- ", so that one that reads "Procedure: colonoscopy" is no heading.
    Deleted content is not in them.

    Raises:
        UnreadText: Its elements are nested too deeply.
    """
    return [line.replace("\t", "  ") for line in _lines(text, 0)]


def _lines(element: etree._Element, depth: int) -> list[str]:
    """The lines in an element, with a tab for each level that they are indented."""
    lines = (_RUN.sub(" ", line).strip(" ") for line in _flow(element, depth).split("\n"))
    return [line for line in lines if line.strip("\t -")]


def _flow(element: etree._Element, depth: int) -> str:
    """The words in an element, with a new line where a line begins or ends."""
    if depth > _MOST_DEEP:
        raise UnreadText("its sections are nested too deeply")
    parts = [_SPACE.sub(" ", element.text or "")]
    for child in element:
        parts += [_inside(child, depth + 1), _SPACE.sub(" ", child.tail or "")]
    return "".join(parts)


def _inside(child: etree._Element, depth: int) -> str:
    name = _name_of(child)
    if child.get("revised") == "delete":
        return ""
    if name == "br":
        return "\n"
    if name in _BLOCKS:
        return f"\n{_flow(child, depth)}\n"
    if name == "item":
        return "\n- {}\n".format("\n\t".join(_lines(child, depth)).removeprefix("- "))
    if name == "table":
        return "\n{}\n".format("\n".join(_table(child, depth)))
    return _flow(child, depth)


def _table(table: etree._Element, depth: int) -> list[str]:
    lines: list[str] = []
    rows: list[Row] = []
    for child in table:
        name = _name_of(child)
        if name == "caption":
            lines += _lines(child, depth)
        elif name == "tr":
            rows.append(_row(child, not rows and _is_named(child), depth))
        elif name in _ROWS:
            for row in child.iterchildren("{*}tr"):
                is_head = name == "thead" or (not rows and _is_named(row))
                rows.append(_row(row, is_head, depth))
    return lines + table_lines(rows)


def _row(row: etree._Element, is_head: bool, depth: int) -> Row:
    return Row(
        cells=tuple(_words(cell, depth) for cell in row),
        is_head=is_head,
        is_spanning=any(_spans(cell) for cell in row),
    )


def _is_named(row: etree._Element) -> bool:
    return all(_name_of(cell) == "th" for cell in row)


def _spans(cell: etree._Element) -> bool:
    return any(cell.get(name, "1") != "1" for name in ("rowspan", "colspan"))


def _words(cell: etree._Element, depth: int) -> str:
    """A cell on one line; the lines in it are parted by " / "."""
    return " / ".join(line.strip("\t").removeprefix("- ") for line in _lines(cell, depth + 1))


def _name_of(element: etree._Element) -> str:
    """The name of an element, whatever its namespace and prefix."""
    return str(etree.QName(element).localname)
