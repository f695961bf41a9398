"""The documents say what the code does."""

import re
from pathlib import Path

import pytest

from cds_service.documenting.pages import PARTS, renewed

DOCS = Path(__file__).parents[1] / "docs"


@pytest.mark.parametrize("name", PARTS)
def test_what_is_made_from_the_program_is_as_the_program_is(name: str) -> None:
    page = (DOCS / f"{name}.md").read_text(encoding="utf-8")
    assert PARTS[name]() in page
    assert renewed(name, page) == page


def test_a_page_without_its_marks_is_refused() -> None:
    with pytest.raises(ValueError, match=r"settings\.md has 0 parts"):
        renewed("settings", "# Settings\n")


def anchors(page: str) -> set[str]:
    """What the headings of a page of the repository are linked by, as GitHub names them."""
    lines = (DOCS.parent / page).read_text(encoding="utf-8").splitlines()
    titles = [line.lstrip("#").strip().lower() for line in lines if re.match("#+ ", line)]
    return {re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in titles}
