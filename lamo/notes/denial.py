"""Whose and since when: words that take a mention back, or give it to someone else.

After NegEx (Chapman 2001): a trigger reaches forward or backward to the end of its clause. Ours
are those of medication and allergy lists.
"""

import re
from bisect import bisect_left, bisect_right
from functools import lru_cache
from typing import NamedTuple

from lamo.notes.spans import Span

_ASIDE = re.compile(r"\([^()]{0,200}\)")
_BEFORE = re.compile(
    r"\b(?:den(?:y|ies|ied|ying)|no longer|not (?:currently |presently |actually )?"
    r"(?:on|tak\w+|us\w+|allergic|intolerant)|never|without|cannot|can't|unable to|stopped|"
    r"discontinued|ceased|"
    r"self-discontinued|came off|off(?= of\b)|was (?:previously |formerly )(?:on|taking)|"
    r"was given|was on(?=[^.;]{0,40}\buntil\b)|"
    r"used to (?:take|be on|use)|formerly|previously (?:on|took|taking|"
    r"used|tried)|completed|finished|failed|tapered off|weaned off|d/?c'?d|tried|avoids?|"
    r"avoiding|no(?! known)|not|nor|hasn't|doesn't|isn't|aren't|don't|stop(?:ped)? taking|"
    r"switched from|changed from|refus\w+|declin\w+|nothing|gave up|given up|quit)\b",
    re.IGNORECASE,
)
_IN_PASSING = re.compile(r"\b(?:treated with|given|received|course of|offered)\b", re.IGNORECASE)
_ENDS = re.compile(
    r"[;]|\b(?:but|except|however|apart from|other than|although|though|takes|remains|"
    r"continues|now on|and is on|is on|still|instead|then|in favou?r of|switched to|changed to)\b",
    re.IGNORECASE,
)
_AFTER = re.compile(
    r"\b(?:(?:was|were|has been|had been|is|been|since) (?:recently |just )?(?:stopped|"
    r"discontinued|ceased|dropped|withdrawn|weaned|tapered off|completed)|(?:self-)?(?:stopped|"
    r"discontinued|ceased)(?! smoking)|d/?c'?d|off (?:since|in|for)|given up|gave (?:it|them) up|"
    r"quit|no longer|not taking|not taken|not used|not using|(?:has|have)(?:n't| not) (?:touched|"
    r"used|taken)|"
    r"completed|finished|never (?:taken|started|filled)|tolerated|denied|was negative|excluded|"
    r"ruled out|until (?:january|february|march|april|may|june|july|august|september|october|"
    r"november|december|last|\d)|in the past|years? ago)\b",
    re.IGNORECASE,
)
_SOMEONE_ELSE = re.compile(
    r"(?<!per )(?<!from )(?<!by )(?<!to )(?<!with )(?<!per his )(?<!per her )"
    r"\b(?:(?:mother|father|mom|mum|dad|brother|sister|"
    r"sibling|aunt|uncle|cousin|grandmother|grandfather|grandparent|son|daughter|husband|wife|"
    r"spouse|partner|niece|nephew|twin|maternal|paternal|family(?! (?:doctor|physician|practice|"
    r"medicine))|neighbou?r|friend)s?)\b(?! (?:says?|said|reports?|reported|thinks?|states?|"
    r"stated|recalls?|told|"
    r"noted|gives|helps|manages|remembers|will|and pt))",
    re.IGNORECASE,
)


def plain(words: str) -> str:
    """The words with line breaks read as spaces and asides blanked, as long as they were."""
    return _ASIDE.sub(lambda aside: " " * len(aside[0]), words.replace("\n", " "))


def is_taken_back(
    text: str, sentence: Span, start: int, end: int, *, in_passing: bool = False
) -> bool:
    """Whether the sentence denies or ends what stands at text[start:end].

    In running text (`in_passing`), what was "given" or a "course of" is no home medication either.
    """
    marks, place = _marks_of(sentence.of(text)), start - sentence.start
    if in_passing and marks.passing < place:
        return True
    if marks.denies(place):
        return True
    following = _CLAUSE.search(text, end, sentence.end)
    after = text[end : following.start() if following else sentence.end].replace("\n", " ")
    return bool(_AFTER.search(after))


class _Marks(NamedTuple):
    """Places in one sentence, as characters from its beginning."""

    denials: tuple[int, ...]  # where each ends
    turns: tuple[int, ...]  # where each begins: no denial reaches beyond it
    passing: int  # where the first word for something passing ends

    def denies(self, place: int) -> bool:
        """Whether a denial before the place reaches it."""
        last = bisect_right(self.denials, place) - 1
        if last < 0:
            return False
        turn = bisect_left(self.turns, self.denials[last])
        return turn == len(self.turns) or self.turns[turn] >= place


@lru_cache(maxsize=32)  # asked again for every name of a sentence
def _marks_of(sentence: str) -> _Marks:
    words = plain(sentence)
    passing = _IN_PASSING.search(words)
    return _Marks(
        tuple(found.end() for found in _BEFORE.finditer(words)),
        tuple(found.start() for found in _ENDS.finditer(words)),
        passing.end() if passing else len(words),
    )


_CLAUSE = re.compile(r"[;.]\s|,\s+(?:and|but|now|is|takes?|on)\b|\bbut\b", re.IGNORECASE)


_SAYS = re.compile(
    r"\b(?:add(?:s|ed)|explain\w*|mention\w*|confirm\w*|warn\w*|telephoned|called|that|asked|certain|"
    r"whether|sure|believes?|insist\w*|remind\w*|swears?)\b",
    re.IGNORECASE,
)


def is_about_a_relative(text: str, sentence: Span, start: int) -> bool:
    """Whether the sentence speaks of a relative before the place, and not for the patient."""
    named_at, told_at = _relative_in(sentence.of(text))
    place = start - sentence.start
    return named_at < place and not named_at < told_at < place


@lru_cache(maxsize=32)  # asked again for every name of a sentence
def _relative_in(sentence: str) -> tuple[int, int]:
    """Where a sentence names a relative, and where that one is said to tell something."""
    words = plain(sentence)
    relative = _SOMEONE_ELSE.search(words)
    if relative is None:
        return len(sentence), len(sentence)
    told = _SAYS.search(words, relative.end())
    return relative.start(), told.start() if told else len(sentence)
