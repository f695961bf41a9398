"""Where the sections of a note begin and end, by their headings.

A heading is a short stretch at the start of a line, with a colon, a question mark or the end of the
line behind it; or, inside a line, one with a colon after a full stop or semicolon. One that
consists of heading words alone ("Medications prior to admission") is known by its words; another
("What she takes") by what it mentions, where its place and form say that it is a heading. Each line
is looked at once.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from lamo.notes.heading_words import Kind, is_heading_word, is_title, kind_of, likely_kind

LONGEST = 70  # characters of a heading

_LEAD = re.compile(r"[ \t#*_>=~]*")
_END = re.compile(r":|\?(?=\s)|[ \t]--?[ \t]|[ \t]\u2013[ \t]|\t|[ \t]{2,}|\.(?=[ \t]|$)")
_INLINE = re.compile(r"(?<=[.;!?])[ \t]+(?=([A-Za-z][A-Za-z /&'(),\-]{1,44}):)")
_SURE = (":", "?")
_COLUMN = re.compile(r"[ ]{3,}|\t")
_RULE = re.compile(r"[\s\-=_*~#]*")
_OPENS_ANOTHER = re.compile(
    r"[ \t]*(?:(?:electronically signed|e-signed|dictated by|dictated but|transcribed|signed[ :]|"
    r"yours (?:sincerely|faithfully)|(?:with )?kind regards|cc:|d/t:|attending:|author:)|"
    r"(?:vitals?|v/s|on exam(?:ination)?|o/e|exam|physical exam)\b(?! sign)[ \t,:.]+[\w\d])",
    re.IGNORECASE,
)
_ALLERGEN_KIND = re.compile(
    r"reactions?.*|medicines?|medication|latex|contrast|substances?|drug reactions?", re.IGNORECASE
)
_LISTS = frozenset({"allergies", "medications_on_admission", "discharge_medications"})
_SUBLABEL = re.compile(
    r"(?:new|changed?|continued?|stop(?: taking)?|start(?: taking)?|resume|same|unchanged|otc|prn|"
    r"as needed|scheduled|morning|evening|bedtime|noon|night|am|pm|inhalers?|eye drops?|others?|"
    r"drugs?|foods?|environmental|severity|status|substance|allergen|regular|creams?|"
    r"supplements?|herbals?|comments?|note|non-?drug|over the counter|daily|weekly)"
    r"(?:[ /,&]+(?:taking|these|medications?|meds|and|only|drugs?|items?))*\W*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Section:
    """One section: text[start:end] is its body, trimmed."""

    kind: Kind
    start: int
    end: int


class _Heading(NamedTuple):
    kind: Kind
    at: int  # where it begins
    body: int  # where what it introduces begins


class _Line(NamedTuple):
    text: str
    at: int
    follows_blank: bool
    is_title: bool  # the first of the note
    is_below: bool = False  # a heading, with nothing between: it may be that of a table


def find_sections(text: str) -> list[Section]:
    """The headed sections in the order of the note; what stands before the first has no part."""
    headings = [*_headings(text), _Heading("other", len(text), len(text))]
    return [
        Section(heading.kind, *trimmed(text, heading.body, following.at))
        for heading, following in pairwise(headings)
    ]


def trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """The stretch without white space and ruled lines at its ends."""
    found = _RULE.match(text, start, end)
    if found and "\n" in found[0]:
        start = text.rfind("\n", start, found.end()) + 1
    while start < end and text[start].isspace():
        start += 1
    while end > start:
        line = max(start, text.rfind("\n", start, end) + 1)
        words = text[line:end].strip(" \t\r\n;")
        if words and (len(words) < 3 or words.strip("-=_*~#")):
            return start, line + len(text[line:end].rstrip(" \t\r\n;"))
        end = max(start, line - 1)
    return start, end


def _headings(text: str) -> Iterator[_Heading]:
    within: Kind = "other"
    awaits_body = False  # a heading stands above, and nothing below it yet
    for line in _lines(text):
        if awaits_body:
            line = line._replace(follows_blank=False, is_below=True)
        found = _heading_of_line(line, within)
        begun = found.body if found else line.at
        end = line.at + len(line.text)
        inside = list(_inline(text, begun, end))
        awaits_body = bool(found) and not inside and not text[begun:end].strip()
        for heading in ([found] if found else []) + inside:
            within = heading.kind
            yield heading


def _lines(text: str) -> Iterator[_Line]:
    at, follows_blank, is_title = 0, True, True
    for line in text.splitlines(keepends=True):
        is_rule = not line.strip(" \t\r\n\f\v-=_*~#")
        if not is_rule:
            yield _Line(line, at, follows_blank, is_title)
            is_title = False
        follows_blank = is_rule
        at += len(line)


def _heading_of_line(line: _Line, within: Kind) -> _Heading | None:
    lead = _LEAD.match(line.text)
    begin = lead.end() if lead else 0
    bare = line.text.rstrip()
    if not bare[begin : begin + 1].isalpha() or not _may_begin(line, bare, begin):
        return None
    if _OPENS_ANOTHER.match(line.text):
        return _Heading("other", line.at, line.at)
    for end in _END.finditer(bare, begin, begin + LONGEST + 1):
        kind = _kind(line, bare[begin : end.start()], end[0], within)
        if kind is not None:
            return _Heading(kind, line.at, line.at + end.end())
        if end[0] in _SURE:
            return None
    if len(bare) - begin <= LONGEST and bare[-1] not in ".,;":
        kind = _kind(line, bare[begin:], "", within)
        if kind is not None:
            return _Heading(kind, line.at, line.at + len(line.text))
    return None


def _may_begin(line: _Line, bare: str, begin: int) -> bool:
    """Whether a line can hold a heading at all: most cannot, and are told by a glance."""
    if line.follows_blank or is_heading_word(bare, begin):
        return True
    colon = bare.find(":", begin, begin + LONGEST + 1)
    is_marked = colon > 0 or "?" in bare[begin : begin + LONGEST] or bare.isupper()
    return is_marked or _OPENS_ANOTHER.match(bare) is not None


def _kind(line: _Line, words: str, end: str, within: Kind) -> Kind | None:
    """What a line's first words introduce, if they are a heading.

    Args:
        line: where they stand.
        words: from the first letter to `end`.
        end: what ends them: a colon, question mark, full stop or dash, the white space before
            another column, or nothing at the end of the line.
        within: the kind of the section that the line would end.
    """
    if _COLUMN.search(words) or _is_label(line, words, end, within):
        return None
    kind = kind_of(words)
    if end in _SURE and kind is not None:
        return kind
    if end not in _SURE and (line.is_below or line.is_title):
        return _of_first_line(line, words, kind)
    if kind is not None:
        return kind if _is_formed(line, words, end, kind) else None
    return _likely(line, words, end, within) if end in (*_SURE, ".", "") else None


def _is_label(line: _Line, words: str, end: str, within: Kind) -> bool:
    """Whether the words are those of a table or list, or the beginning of a sentence."""
    if end.isspace() and (within == "family" or line.is_below):
        return True
    if end == "." and not line.follows_blank:
        return True
    if within not in _LISTS:
        return False
    is_column = end.isspace() and not line.follows_blank
    is_of_allergen = within == "allergies" and _ALLERGEN_KIND.fullmatch(words)
    return bool(is_column or is_of_allergen or _SUBLABEL.fullmatch(words))


def _of_first_line(line: _Line, words: str, kind: Kind | None) -> Kind | None:
    """The title of a note or table, which is a heading only where it can be nothing else."""
    if line.is_below:
        return kind if kind in _LISTS else None
    return None if kind in _LISTS and is_title(words) else kind


def _is_formed(line: _Line, words: str, end: str, kind: Kind) -> bool:
    """Whether heading words without a colon behind them look like a heading."""
    count = len(words.split())
    if kind == "other" and (end.isspace() or "-" in end) and not line.follows_blank:
        return False
    if end == ".":
        return count < 6
    return bool(end) or count > 1 or words.isupper() or line.follows_blank


def _likely(line: _Line, words: str, end: str, within: Kind) -> Kind | None:
    """As `_kind`, of a heading that has other words than headings are made of."""
    count = len(words.split())
    is_formed = line.follows_blank or words.isupper() or end == ":"
    if not is_formed or count > 10:
        return None
    likely = likely_kind(words)
    if likely == within and not line.follows_blank:
        return None  # "Inhalers he takes:" inside a list of medications
    if likely is not None:
        return likely
    stands_out = line.follows_blank and words[0].isupper() and end != "."
    is_bare = not line.text[len(words) + 1 :].strip()
    ends_list = is_bare or (words.isupper() and end == ":")
    is_plain = count <= 6 and not any(char.isdigit() for char in words)
    return "other" if stands_out and is_plain and (within not in _LISTS or ends_list) else None


def _inline(text: str, start: int, end: int) -> Iterator[_Heading]:
    """Headings inside a line: "She is on atenolol. ALLERGIES: none"."""
    if text.find(":", start, end) < 0:
        return
    for found in _INLINE.finditer(text, start, end):
        kind = kind_of(found[1])
        if kind is not None:
            yield _Heading(kind, found.end(), found.end(1) + 1)
