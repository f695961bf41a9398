"""Which part of which page is made by whom."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from cds_service.documenting import commands, settings

# what stands between "<!-- NAME: begin -->" and "<!-- NAME: end -->" of NAME.md
PARTS: Mapping[str, Callable[[], str]] = {"commands": commands.table, "settings": settings.table}


def renewed(name: str, page: str) -> str:
    """The text of a page with its part as it is now.

    Raises:
        ValueError: the page has no such marks.
    """
    begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
    part = re.compile(f"(?<={re.escape(begin)}).*(?={re.escape(end)})", re.DOTALL)
    whole, count = part.subn(lambda _: PARTS[name](), page)
    if count != 1:
        raise ValueError(f"{name}.md has {count} parts between {begin.strip()} and {end}, wanted 1")
    return whole


def renew(folder: Path) -> None:
    """Write every such part anew into the pages of a folder."""
    for name in PARTS:
        page = folder / f"{name}.md"
        page.write_text(renewed(name, page.read_text(encoding="utf-8")), encoding="utf-8")
