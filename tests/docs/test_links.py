"""Links within the documents lead somewhere, whether or not the site can be built."""

import re
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, links, name_of
from tests.test_docs import anchors

TEST = re.compile(r"`((?:\w+/)+(?:\w+\.py)?)(?::[^`]*)?`")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_of_a_page_leads_to_a_file_and_a_heading(page: Path) -> None:
    for link in links(page):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{link}: there is no such file"
        if anchor:
            assert anchor in anchors(name_of(target)), f"{link}: there is no such heading"


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, waiting = set[Path](), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        inside = [link.partition("#")[0] for link in links(page) if not link.startswith("https:")]
        waiting += [(page.parent / link).resolve() for link in inside if link]
    assert [name_of(page) for page in PAGES if page not in reached] == []


@pytest.mark.parametrize("page", ["docs/attacks.md", "docs/threat-model.md"])
def test_every_test_that_stands_behind_a_threat_is_there(page: str) -> None:
    named = set(TEST.findall((ROOT / page).read_text("utf-8")))
    places = [ROOT / "tests", ROOT]
    missing = [one for one in named if not any((place / one).exists() for place in places)]
    assert (missing, len(named) > 10) == ([], True)
