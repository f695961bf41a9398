"""Cutting a stretch of a note into entries and pieces, never losing the place in the note."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from lamo.notes.sections import QUOTE_CHARS

_BULLET = re.compile(
    r"[ \t|]*(?:[-*+\u2022\u25cf\u25aa\u00b7>o\u2013](?=[ \t])|[\u2022\u25cf\u25aa\u00b7]|"
    r"[*-](?![-*])|\[[ xX]?\]|\(?\d{1,2}[.)](?=[ \t]|[A-Za-z])|\d{1,2}[ \t]+(?=[A-Za-z]{4}))[ \t]*"
)
MOST_SENTENCE = 1500  # characters
LONGEST_ASIDE = 300
_LINE = re.compile(r"[^\n]+")
_STOP = re.compile(r"[.!?][\"']?(?=\s)|\n[ \t]*\n")
_TITLES = ("St", "Dr", "Mr", "Mrs", "Ms", "Prof", "vs", "approx")
_MARKS = re.compile(
    r"[()\[\]]|(?<!insulin)(?<!INSULIN)(?<!Insulin),|[;\u2022|\t\n]|[ ]{3,}|[ ]/\s|"
    r"(?<![ (]St)\.(?=\s+[A-Z(])|"
    r"\s(?i:and|plus(?= [a-z])|as well as|along with|&|\+)\s|\s\(?\d{1,2}[.)]\s"
)


class Span(NamedTuple):
    """text[start:end] of the note."""

    start: int
    end: int

    def of(self, text: str) -> str:
        """The words."""
        return text[self.start : self.end]


class Entry(NamedTuple):
    """One line or listed item of a section."""

    span: Span
    is_listed: bool  # it had a bullet or a number


_COLUMN = re.compile(r"[ ]{3,}|\t")
_LISTS_REACTIONS = re.compile(r"[ ]{3,}|\t|\||[ ]-+[ ]")
_DENIES = re.compile(r"(?:no|nil|none|denies|not)\b", re.IGNORECASE)
_STARTS_ITEM = re.compile(r"[A-Za-z][\w/\-]+(?: [\w/\-]+){0,3}(?: \([\w /\-]{3,30}\))?,? \d")


def entries(text: str, span: Span) -> Iterator[Entry]:
    """The lines of a section, bullets and numbers taken off; wrapped lines are joined.

    A line without a bullet that follows one with a bullet, and is indented deeper or begins in
    lower case, goes on with it.
    """
    held: Entry | None = None
    for line in _LINE.finditer(text, span.start, span.end):
        bullet = _BULLET.match(text, line.start(), line.end())
        begin = bullet.end() if bullet else line.start()
        while begin < line.end() and text[begin].isspace():
            begin += 1
        if begin == line.end():
            continue
        entry = Entry(Span(begin, line.end()), bullet is not None)
        if held and not bullet and _goes_on(text, held, line.start(), line.end()):
            held = Entry(Span(held.span.start, line.end()), held.is_listed)
            continue
        if held:
            yield held
        held = entry
    if held:
        yield held


def _goes_on(text: str, held: Entry, start: int, end: int) -> bool:
    line = text[start:end]
    words = line.lstrip()
    if held.is_listed:
        return words[0].islower() or words[0].isdigit() or len(line) - len(words) > 1
    before = held.span.of(text).rstrip()
    if _COLUMN.search(words) or _STARTS_ITEM.match(words):
        return held.is_listed and len(line) - len(words) > 3 and not _STARTS_ITEM.match(words)
    lead = text[text.rfind("\n", 0, held.span.start) + 1 : held.span.start]
    if not lead.strip() and len(line) - len(words) >= len(lead) + 4:
        return True
    is_open = before.lower().endswith(
        (",", " and", " or", "-", "/", "+", "&", "\u2014")
    ) or before.count("(") > before.count(")")
    if len(before) >= 65 and before[-1] not in ".;:" and not _LISTS_REACTIONS.search(before):
        return not _DENIES.match(words)  # a paragraph
    return is_open or (words[0].islower() and len(before) > 45 and not before.endswith("."))


def is_table_row(text: str, at: int) -> bool:
    """Whether the line there begins with a bar, as the rows of Markdown tables do."""
    return text[text.rfind("\n", 0, at) + 1 : at + 1].startswith("|")


def sentences(text: str, span: Span) -> Iterator[Span]:
    """Stretches that end with a full stop, a blank line or the end of the span.

    A longer one than MOST_SENTENCE is cut, so that what is searched again and again stays short.
    """
    for start, end in _sentences(text, span):
        for begin in range(start, end, MOST_SENTENCE):
            yield Span(begin, min(end, begin + MOST_SENTENCE))


def _sentences(text: str, span: Span) -> Iterator[Span]:
    begin = span.start
    for stop in _STOP.finditer(text, span.start, span.end):
        if stop[0][0] != "\n" and not _ends_sentence(text, stop.start(), stop.end()):
            continue
        if stop.start() > begin:
            yield Span(begin, min(stop.start() + 1, span.end))
        begin = stop.end()
    if begin < span.end:
        yield Span(begin, span.end)


def _ends_sentence(text: str, dot: int, after: int) -> bool:
    """Whether a dot is a full stop, and not that of "Dr. Smith", "b.i.d. with" or "1. aspirin"."""
    word = text[max(0, dot - 8) : dot].rsplit(None, 1)[-1:] or [""]
    is_initial = len(word[0]) == 1 and word[0].isalpha()  # "E. coli"
    if is_initial or not (text[dot - 1].isalnum() or text[dot - 1] in ")]\"'"):
        return False
    if word[0] in _TITLES or "." in word[0].strip("."):
        return text[after + 1 : after + 2].isupper() and word[0] not in _TITLES
    return not (word[0].isdigit() and len(word[0]) < 3 and _begins(text, dot - len(word[0])))


def _begins(text: str, at: int) -> bool:
    """Whether a number there is that of a list: at the start of a line or after a full stop."""
    before = text[max(0, at - 4) : at].rstrip(" \t")
    return not before or before[-1] in "\n.;:"


def pieces(text: str, span: Span) -> Iterator[Span]:
    """The parts of an entry between commas, semicolons, tabs and "and"; brackets hold together."""
    depth, begin = 0, span.start
    for mark in _MARKS.finditer(text, span.start, span.end):
        sign = mark[0]
        if sign in "([":
            depth += _is_closed(text, mark.end(), span.end)
        elif sign in ")]":
            depth = max(0, depth - 1)
        elif depth == 0 or (sign == "\n" and depth > 2):
            if mark.start() > begin:
                yield Span(begin, mark.start())
            begin = mark.end()
    if begin < span.end:
        yield Span(begin, span.end)


def _is_closed(text: str, begin: int, end: int) -> bool:
    """Whether a bracket ends again soon: one that does not hides nothing of what follows."""
    return _CLOSING.search(text, begin, min(end, begin + LONGEST_ASIDE)) is not None


_CLOSING = re.compile(r"[)\]]")
_STEP = re.compile(
    r"[A-Za-z][A-Za-z']*(?:\.[A-Za-z']+)*\.?/?|(?<![A-Za-z\d])\d|[(\[=@:/+>\u2192|\]]|\.{2,}|"
    r"[ ]{2,}(?=\S)|-{2,}|[ ][-\u2013\u2014]+(?=\s)|-\s|->"
)
_FREQUENCY = re.compile(r"q\d+h?", re.IGNORECASE)


def first_stop(text: str, span: Span, words: frozenset[str]) -> int:
    """Where a name ends: before the first of these words, a number, a bracket or a dash."""
    for step in _STEP.finditer(text, *span):
        found = step[0]
        if not found[0].isalpha():
            return step.start()
        if found.rstrip(".").lower() in words or _FREQUENCY.match(text, step.start()):
            return step.start()
        if found[-1] == "/" and found.lower() != "w/":
            return step.end() - 1
    return span.end


def stripped(text: str, span: Span, marks: str = " \t\r\n.,;:*_|") -> Span:
    """The span without these characters at its ends."""
    start, end = span
    while start < end and text[start] in marks:
        start += 1
    while end > start and text[end - 1] in marks:
        end -= 1
    return Span(start, end)


def quote_of(text: str, span: Span) -> str:
    """The words around a span on one line: its own line, or so much of it as a quote takes."""
    first = text.rfind("\n", 0, span.start) + 1
    last = text.find("\n", span.end)
    last = len(text) if last < 0 else last
    room = max(0, QUOTE_CHARS - (span.end - span.start)) // 2
    begin = first if span.start - first <= room else text.find(" ", span.start - room) + 1
    end = last if last - span.end <= room else text.rfind(" ", 0, span.end + room)
    begin, end = min(begin, span.start), max(end, span.end)
    return " ".join(text[begin:end].split())[:QUOTE_CHARS]
