"""A hook of MkDocs: files of the repository that a page links to come along, as text.

A page links to them by their place, which is right on a forge. In the site they stand under
`repository/`, so that it is whole wherever it is copied to.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

LINK = re.compile(r"(?<=\]\()\.\./[^)\s#]+")  # one that begins by going up
DOCS = Path(__file__).parents[1]
REPOSITORY = DOCS.parent


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the files that pages link to."""
    for page in list(files.documentation_pages()):
        for target in LINK.findall(page.content_string):
            place = _outside(target, page.src_uri)
            if place is not None and files.get_file_from_path(_uri(place)) is None:
                source = str(REPOSITORY / place)
                files.append(File.generated(config, _uri(place), abs_src_path=source))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let its links lead there."""
    del config, files
    return LINK.sub(_linked(page.file.src_uri), markdown)


def _linked(page: str) -> Callable[[re.Match[str]], str]:
    def link(found: re.Match[str]) -> str:
        place = _outside(found[0], page)
        return found[0] if place is None else os.path.relpath(_uri(place), Path(page).parent)

    return link


def _outside(target: str, page: str) -> Path | None:
    """Where in the repository a link leads; None where that is a page, or is not there."""
    place = (DOCS / page).parent.joinpath(target).resolve()
    is_outside = place.is_file() and not place.is_relative_to(DOCS)
    return place.relative_to(REPOSITORY) if is_outside else None


def _uri(place: Path) -> str:
    return f"repository/{place.as_posix()}.txt"  # of any kind: a browser shows it
