"""What headings of notes introduce, by the words that they are made of (`data/headings.toml`)."""

import re
import tomllib
from functools import lru_cache
from importlib import resources
from typing import Any, Literal

Kind = Literal[
    "history_of_present_illness",
    "past_medical_history",
    "allergies",
    "medications_on_admission",
    "discharge_medications",
    "weak_history",  # a reason for the visit: the history where there is no other
    "weak_problems",  # a problem list: the past history where there is no other
    "family",
    "social",
    "other",
]
MOST_WORDS = 9  # of a heading that is known by its words
_REMEMBERED = 4096  # headings: a hospital words them alike in every note

_TABLE: dict[str, Any] = tomllib.loads(
    (resources.files("lamo.notes") / "data" / "headings.toml").read_text("utf-8")
)
_WORDS = {name: frozenset(words.split()) for name, words in _TABLE["words"].items()}
_MEDICATIONS = _WORDS["drugs"] | _WORDS["vague"] | _WORDS["taken_away"]
_LEAVING = _WORDS["leaving"] | _WORDS["taken_away"]
_NOW = frozenset({"current", "currently", "active", "regular"})  # of home or of the stay
_ANY = frozenset().union(*_WORDS.values())
_PHRASES: list[tuple[Kind, tuple[frozenset[str], ...]]] = [
    (one["kind"], tuple(frozenset(phrase.split()) for phrase in one["phrases"]))
    for one in _TABLE["phrases"]
]
_LIKELY: list[tuple[Kind, re.Pattern[str]]] = [
    (one["kind"], re.compile(rf"\b(?:{'|'.join(one['patterns'])})\b", re.IGNORECASE))
    for one in _TABLE["likely"]
]
_LETTERS: dict[tuple[str, ...], Kind] = {
    ("all",): "allergies",
    ("algy",): "allergies",
    ("presenting",): "weak_history",
    ("s",): "weak_history",
    ("o",): "other",
    ("a",): "other",
    ("p",): "other",
    ("a", "p"): "other",
    ("o", "e"): "other",
}
_SHORT = (("d/c", "discharge"), ("@", " at "), ("p.m.h", "pmh"), ("h.p.i", "hpi"), ("w/", "with "))
_SHORT_BEGIN = frozenset({"d", "p", "h"})
_ASIDE = re.compile(r"\([^()]{0,60}\)|\[[^\[\]]{0,60}\]|\d[\d/.\-]*(?:st|nd|rd|th)?\b")
_WORD = re.compile(r"[a-z][a-z']*")
_NOT_IN_HEADINGS = re.compile(r"[%<>|]")
_TAIL = " \t*_#:-\u2013=."


def is_heading_word(line: str, begin: int) -> bool:
    """Whether the first word there is one that headings are made of."""
    first = _WORD.match(line[begin : begin + 24].lower())
    return first is not None and (first[0] in _ANY or first[0] in _SHORT_BEGIN)


def is_title(heading: str) -> bool:
    """Whether such words on the first line name the document, not its first section."""
    return not _WORDS["titles"].isdisjoint(_WORD.findall(heading.lower()))


@lru_cache(maxsize=_REMEMBERED)
def kind_of(heading: str) -> Kind | None:
    """What a heading introduces; None when not all its words are those of headings."""
    first = _WORD.search(heading.lower())
    if first is None or not is_heading_word(first[0], 0):
        return None
    plain = _plain(heading)
    named = tuple(_WORD.findall(plain))
    if named in _LETTERS:
        return _LETTERS[named]
    if _NOT_IN_HEADINGS.search(plain) or not 0 < len(named) <= MOST_WORDS:
        return None
    return _known(frozenset(named)) if _ANY.issuperset(named) else None


@lru_cache(maxsize=_REMEMBERED)
def likely_kind(heading: str) -> Kind | None:
    """What a heading introduces by what it mentions, where its form says that it is a heading."""
    plain = _plain(heading)
    return next((kind for kind, pattern in _LIKELY if pattern.search(plain)), None)


def _plain(heading: str) -> str:
    plain = heading.strip(_TAIL).lower()
    for short, whole in _SHORT:
        plain = plain.replace(short, whole)
    return _ASIDE.sub(" ", plain)


def _known(named: frozenset[str]) -> Kind | None:
    is_medical = not named.isdisjoint(_WORDS["medical"])
    if named & _WORDS["family"] and not is_medical:
        return "family"
    if _is_of_allergies(named):
        return "allergies"
    if named & _MEDICATIONS or (named >= {"prior", "admission"} and "history" not in named):
        return _medications(named)
    if named >= {"advice", "discharge"}:
        return "discharge_medications"
    return "past_medical_history" if is_medical and "history" in named else _history(named)


def _is_of_allergies(named: frozenset[str]) -> bool:
    is_reaction = "reactions" in named and bool(named & (_WORDS["drugs"] | {"adverse"}))
    return bool(named & (_WORDS["allergies"] | {"alerts", "alert"})) or is_reaction


def _medications(named: frozenset[str]) -> Kind:
    if named & {"stopped", "held"}:
        return "other"
    before = named & _WORDS["before"]
    if named & _LEAVING and not _go_on(named):
        return "discharge_medications"
    if named & _WORDS["during"] and not before - _NOW:
        return "other"
    if named & _WORDS["vague"] and not before and not named & _WORDS["drugs"]:
        return "other"
    return "medications_on_admission"


def _go_on(named: frozenset[str]) -> bool:
    """ "Home medications continued": were taken before; "to continue at home" is a plan."""
    is_of_home = not named.isdisjoint({"home", "outpatient", "preadmission"})
    return is_of_home and named & _LEAVING == {"continued"} and named.isdisjoint({"at", "to"})


def _history(named: frozenset[str]) -> Kind | None:
    for kind, phrases in _PHRASES:
        if any(phrase <= named for phrase in phrases):
            return kind
    if named & _WORDS["social"]:
        return "social"
    return "other" if named & (_WORDS["other"] | _WORDS["during"]) else None
