"""The words of cards. Everything from the record is data: one line, cut, escaped for Markdown."""

import re
import unicodedata
from collections.abc import Sequence
from datetime import date

from fhir_mappings.record import Fact
from lamo.selection import CandidateScore

SUMMARY_LIMIT = 139  # CDS Hooks: fewer than 140 characters
DETAIL_LIMIT = 1200
NAME_LIMIT = 60
FACT_LIMIT = 90
QUOTE_LIMIT = 120

_MORE = "More stands in the record of this decision."
_MARKDOWN = re.compile(r"([\\`*_\[\]|~#!$@])")
_SCHEME = re.compile(r"\b([a-z][a-z0-9+.-]{1,15}):(?=\S)", re.I)  # javascript:, https://
_NO_BRACKETS = str.maketrans("<>", "()")
_WWW = re.compile(r"\bwww\.", re.I)


def one_line(text: str, limit: int) -> str:
    """The text on one line without control or invisible characters, cut to a length."""
    is_plain = text.isascii() and text.isprintable()
    line = " ".join((text if is_plain else _visible(text)).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def _visible(text: str) -> str:
    kept = (" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in text)
    return "".join(c for c in kept if unicodedata.category(c) not in ("Cf", "Cs", "Co", "Cn"))


def plain(text: str, limit: int = NAME_LIMIT) -> str:
    """Data for summaries and labels, which are plain text: no angle bracket survives."""
    return one_line(text, limit).translate(_NO_BRACKETS) or "(no name)"


def escaped(text: str, limit: int = FACT_LIMIT) -> str:
    """Data for details: shown as written, never as Markdown, HTML or a link."""
    safe = _MARKDOWN.sub(r"\\\1", one_line(text, limit))
    safe = safe.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _WWW.sub(lambda found: found[0][:-1] + r"\.", _SCHEME.sub(r"\1\\:", safe))


def summary_line(text: str) -> str:
    """A summary, on one line and short enough for the specification."""
    return plain(text, SUMMARY_LIMIT)


def fact_line(fact: Fact, limit: int = FACT_LIMIT) -> str:
    """One fact with its date and where it stands in the record."""
    notes = [part for part in (_day(fact.dated), escaped(fact.reference or "")) if part]
    told = f', in a note: "{escaped(fact.quote, QUOTE_LIMIT)}"' if fact.quote else ""
    return escaped(fact.text, limit) + (f" ({', '.join(notes)})" if notes else "") + told


def fact_lines(facts: Sequence[Fact], most: int = 4, limit: int = FACT_LIMIT) -> str:
    """Facts in one sentence part; how many more there are, when there are."""
    more = len(facts) - most
    shown = "; ".join(fact_line(fact, limit) for fact in facts[:most])
    return f"{shown}; and {more} more" if more > 0 else shown


def counted(count: int, one: str, many: str) -> str:
    """A number and its noun."""
    return f"{count} {one if count == 1 else many}"


def share(fraction: float) -> str:
    """A share in whole percent, never a false zero."""
    percent = round(fraction * 100)
    return f"about {percent} %" if percent >= 1 else "fewer than 1 %"


def strength_against(score: CandidateScore) -> str:
    """How little the model supports an order, as a band: a bare probability says too much."""
    return f"{_band(score.support_at - score.log_odds)} below its usual support".strip()


def strength_for(score: CandidateScore) -> str:
    """How well the model supports a suggestion, as a band."""
    return f"{_band(score.log_odds - score.recommend_at)} above its usual support".strip()


def detail_text(body: Sequence[str], closing: Sequence[str]) -> str:
    """Paragraphs of a detail: the closing ones always stand, of the others what fits.

    A paragraph is left out whole, never cut: a cut could end inside an escape.
    """
    whole = "\n\n".join([*body, *closing])
    if len(whole) <= DETAIL_LIMIT:
        return whole
    room = DETAIL_LIMIT - len("\n\n".join(["", _MORE, *closing]))
    kept: list[str] = []
    for paragraph in body:
        if len(paragraph) + 2 <= room:
            kept.append(paragraph)
            room -= len(paragraph) + 2
    return "\n\n".join([*kept, _MORE, *closing])


def that_fit(lines: Sequence[str], beside: Sequence[str]) -> int:
    """How many of the lines of a list, from the first, find room beside other paragraphs."""
    room = DETAIL_LIMIT - len("\n\n".join(["", *beside]))
    for count, line in enumerate(lines):
        room -= len(line) + 2
        if room < 0:
            return count
    return len(lines)


def _band(distance: float) -> str:
    if distance >= 2:  # log-odds: at least seven times the odds
        return "far"
    return "well" if distance >= 1 else ""


def _day(dated: date | None) -> str:
    return dated.isoformat() if dated else ""
