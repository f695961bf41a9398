"""What stands in the documents: their links, their commands and their requests."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = [page for page in sorted((ROOT / "docs").rglob("*.md")) if page.parent.name != "site"]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *DOCS]
STARTS = ("lamo-cds ", "make ", "python -m ", "python scripts/", "curl ")
FENCE = re.compile(r"^( *)```(\w*)$")
FENCED = re.compile(r"^( *)```.*?^\1```$", re.M | re.S)
NOT_RUN = re.compile(r"^<!-- not run: \S.* -->$")
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
INLINE = re.compile(r"`((?:lamo-cds|make|python -m|python scripts/\S+|curl) [^`]+)`")
ASSIGNMENT = r"[A-Z_]+=\S*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A block of code."""

    page: str  # as the repository names it
    line: int  # of its first line, from 1
    kind: str  # what stands behind the fence; "" for an indented line
    text: str
    is_marked: bool  # as one that is not run


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command, in a block or within a sentence."""

    page: str
    line: int
    text: str
    is_marked: bool
    is_inline: bool = False

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: {self.text}"


def name_of(page: Path) -> str:
    """A page as the repository names it."""
    return page.relative_to(ROOT).as_posix()


def links(page: Path) -> Iterator[str]:
    """What a page links to."""
    for found in LINK.finditer(_blanked(page)):
        yield found[1] or found[2]


def blocks(page: Path) -> Iterator[Block]:
    """The blocks of a page, fenced ones whole and indented ones line by line."""
    lines = page.read_text("utf-8").splitlines()
    number, above = 0, ""
    while number < len(lines):
        line, first = lines[number], number + 1
        number += 1
        if (fence := FENCE.match(line)) is not None:
            end = lines.index(f"{fence[1]}```", number)
            yield _block(page, first, fence[2], lines[number:end], above)
            number = end + 1
        elif line.startswith("    "):
            taken = [line.strip()]
            while taken[-1].endswith("\\"):
                taken.append(lines[number].strip())
                number += 1
            yield _block(page, first, "", taken, above)
        elif line.strip():
            above = line
    assert number == len(lines)


def _block(page: Path, line: int, kind: str, lines: list[str], above: str) -> Block:
    return Block(
        page=name_of(page),
        line=line,
        kind=kind,
        text="\n".join(lines),
        is_marked=NOT_RUN.match(above) is not None,
    )


def commands(page: Path) -> Iterator[Command]:
    """The commands of a page."""
    for block in blocks(page):
        for line in block.text.replace("\\\n", " ").splitlines():
            text = " ".join(line.removeprefix("$ ").removeprefix(".venv/bin/").split())
            bare = re.sub(rf"^({ASSIGNMENT} )+", "", text)
            if bare.startswith(STARTS):
                yield Command(
                    page=block.page, line=block.line, text=bare, is_marked=block.is_marked
                )
    for found in INLINE.finditer(_blanked(page)):
        yield Command(
            page=name_of(page),
            line=found.string.count("\n", 0, found.start()) + 1,
            text=" ".join(found[1].replace("\\|", "|").split()),
            is_marked=False,
            is_inline=True,
        )


def _blanked(page: Path) -> str:
    """A page without what stands between fences, each line in its place."""
    text = page.read_text("utf-8")
    return FENCED.sub(lambda found: "\n" * found[0].count("\n"), text)


def words_of(text: str) -> list[str]:
    """The words of a command, without a comment, a file or another command behind it."""
    words = shlex.split(text, comments=True)
    return list(takewhile(lambda word: word not in (">", ">>", "|", "&&", ";"), words))
