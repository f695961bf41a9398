"""What a model says of a note is kept only where the note says it too.

A model that reads notes may invent, and a note may tell it to. So nothing that it returns is
believed before it is found in the note: a list item by its words, as a whole, outside of what is
prescribed at discharge, denied or a relative's; an allergy only where the note speaks of allergies;
a sentence by all of its words in their order.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from lamo.notes.allergy_places import AllergyPlaces
from lamo.notes.denial import is_about_a_relative, is_taken_back
from lamo.notes.headings import Section, find_sections
from lamo.notes.medication_items import mention
from lamo.notes.rules import MAX_ITEMS, MAX_SECTION_CHARS, condense
from lamo.notes.sections import Claims, Mention, NoteSections
from lamo.notes.spans import Span, sentences

MOST_PLACES = 500  # of one name that are looked at
_WORD = re.compile(r"[^\W_]+")
_Counts = Callable[[Span], bool]
_SENTENCE_END = re.compile(r"(?<=[.!?;])\s+|\n+")


class _Words:
    """The words of a note in their order, folded, each with its place."""

    def __init__(self, text: str) -> None:
        found = list(_WORD.finditer(text))
        self.places = [one.span() for one in found]
        self._line = " " + " ".join(_fold(one[0]) for one in found) + " "
        self._starts: dict[int, int] = {}
        at = 1
        for number, one in enumerate(found):
            self._starts[at] = number
            at += len(_fold(one[0])) + 1

    def find_all(self, claim: str) -> Iterator[Span]:
        """Every stretch of the note with exactly these words."""
        words = [_fold(word) for word in _WORD.findall(claim)]
        if not words:
            return
        wanted = " " + " ".join(words) + " "
        at = self._line.find(wanted)
        while at >= 0:
            first = self._starts.get(at + 1)
            if first is not None:
                last = first + len(words) - 1
                yield Span(self.places[first][0], self.places[last][1])
            at = self._line.find(wanted, at + 1)


def grounded(text: str, claims: Claims) -> NoteSections:
    """Find every claim in the note; what is not there is dropped and counted.

    List items become mentions with their place. Of the two texts, the sentences that stand in the
    note are kept, in the order of the claim.
    """
    words = _Words(text)
    sections = find_sections(text)
    of_patient = _outside(s for s in sections if s.kind == "family")
    at_home = _outside(s for s in sections if s.kind in ("discharge_medications", "family"))
    tells = AllergyPlaces(text, sections).tells
    allergies = [
        _place(text, words, item, lambda span: of_patient(span) and tells(span))
        for item in claims.allergies
    ]
    home = [_place(text, words, item, at_home) for item in claims.medications_on_admission]
    texts = {
        "history_of_present_illness": claims.history_of_present_illness,
        "past_medical_history": claims.past_medical_history,
    }
    kept = {name: _standing(words, claim) for name, claim in texts.items()}
    dropped = [*allergies, *home].count(None) + sum(lost for _, lost in kept.values())
    whole = {name: " ".join(standing) for name, (standing, _) in kept.items()}
    lists = {"allergies": _once(allergies), "medications_on_admission": _once(home)}
    cut = [name for name, body in whole.items() if len(body) > MAX_SECTION_CHARS]
    cut += [name for name, items in lists.items() if len(items) > MAX_ITEMS]
    return NoteSections(
        history_of_present_illness=condense(whole["history_of_present_illness"]),
        past_medical_history=condense(whole["past_medical_history"]),
        allergies=lists["allergies"][:MAX_ITEMS],
        medications_on_admission=lists["medications_on_admission"][:MAX_ITEMS],
        cut=frozenset(cut),
        dropped=dropped,
    )


def _outside(sections: Iterable[Section]) -> _Counts:
    """Counts what stands in none of these sections."""
    spans = [Span(section.start, section.end) for section in sections]
    return lambda span: not any(one.start <= span.start < one.end for one in spans)


def _place(text: str, words: _Words, item: str, counts: _Counts) -> Mention | None:
    """Where the note says so: at a place that counts, not denied, not of a relative."""
    for span in islice(words.find_all(item), MOST_PLACES):
        if not counts(span):
            continue
        sentence = _sentence_of(text, span)
        if is_taken_back(text, sentence, *span) or is_about_a_relative(text, sentence, span.start):
            continue
        return mention(text, span)
    return None


def _sentence_of(text: str, span: Span) -> Span:
    begin = text.rfind("\n", 0, span.start) + 1
    end = text.find("\n", span.end)
    line = Span(begin, len(text) if end < 0 else end)
    return next((s for s in sentences(text, line) if s.start <= span.start < s.end), line)


def _standing(words: _Words, claim: str) -> tuple[list[str], int]:
    """The sentences of a claim that stand in the note, and how many do not."""
    told = [part.strip() for part in _SENTENCE_END.split(claim) if _WORD.search(part)]
    standing = [part for part in told if next(words.find_all(part), None)]
    return standing, len(told) - len(standing)


def _once(found: Sequence[Mention | None]) -> tuple[Mention, ...]:
    return tuple({one.name.casefold(): one for one in found if one}.values())


def _fold(word: str) -> str:
    plain = unicodedata.normalize("NFKD", word).casefold()
    return "".join(char for char in plain if not unicodedata.combining(char))
