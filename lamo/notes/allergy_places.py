"""Where in a note a name can be that of an allergy: in its section, or in words that say so.

A model that is asked for allergies may return any name that stands in the note. So the sentence
around it has to speak of an allergy or, outside of lists of medications, of a reaction.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence

from lamo.notes.headings import Section
from lamo.notes.spans import Span, entries, sentences

_ALLERGY = re.compile(
    r"allerg|intoleran|anaphyla|hypersensitiv|\bsensitiv|\breact|adverse|side effect|"
    r"(?:\bnot?|n't|\bnever|cannot|unable to)\s+(?:\w+\s+){0,4}?"
    r"(?:tolerat|take|taken|have|again|repeat|given|agree)|"
    r"\bnot tolerated|\bavoid|\bnever again|\bkeep (?:him|her|them) off|\bmust not",
    re.IGNORECASE,
)
_REACTION = re.compile(
    r"\b(?:rash|hives|urticaria|welts?|swell|swol|angioo?edema|itch|prurit|wheez|bronchospasm|"
    r"blister|peeling|vomit|nausea|n/v|sick|cramps?|cough|throat|tongue|lips?|face|breath|"
    r"tightness|collapse|shock|sjs|stevens|dress\b|agranulocyt|upset|dizz|hallucinat|confus|myalgia|"
    r"lockjaw|dystoni|red man|flush|hepatitis|thrombocytopenia|hit\b)",
    re.IGNORECASE,
)
# what a drug is taken for, and what says that there is none
_OTHERWISE = re.compile(
    r"\b(?:for|prn|against|with)\s+(?:[\w/]+\s+){0,2}?(?:allerg\w*|rash|itch\w*|hives|nausea|"
    r"vomiting|cough|wheez\w*|shortness of breath)|"
    r"\ballergic (?:rhinitis|conjunctivitis|asthma)|\bseasonal allerg\w*|"
    r"\b(?:no|nil|denies|without)\b[^.;\n]{0,40}?\ballerg\w*(?!\W+(?:except|but|other|apart|how))",
    re.IGNORECASE,
)
_BLANK = re.compile(r"\n[ \t]*\n")
_MEDICATION_LISTS = frozenset({"medications_on_admission", "discharge_medications"})


class AllergyPlaces:
    """The places of one note that can tell of allergies."""

    def __init__(self, text: str, sections: Sequence[Section]) -> None:
        self._text, self._sections = text, sections
        self._sentences = list(_sentences_of(text))

    def tells(self, span: Span) -> bool:
        """Whether a name there can be that of an allergy."""
        within = [s.kind for s in self._sections if s.start <= span.start < s.end]
        if "allergies" in within:
            return True
        words = self._around(span)
        if _ALLERGY.search(words):
            return True
        return _MEDICATION_LISTS.isdisjoint(within) and _REACTION.search(words) is not None

    def _around(self, span: Span) -> str:
        """The sentence that a name stands in, without what such words are said of otherwise."""
        number = bisect_right(self._sentences, span.start, key=lambda one: one.start) - 1
        return _OTHERWISE.sub(" ", self._sentences[number].of(self._text)) if number >= 0 else ""


def _sentences_of(text: str) -> Iterator[Span]:
    """Every sentence, over the ends of lines that are only wrapped; an item of a list is one."""
    begin = 0
    for blank in [*_BLANK.finditer(text), None]:
        end = blank.start() if blank else len(text)
        for entry in entries(text, Span(begin, end)):
            yield from sentences(text, entry.span)
        begin = blank.end() if blank else end
