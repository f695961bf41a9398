"""The reader by rules: the embedded default, without a model or a network.

A note is data: whatever it says, a reader can only return stretches of it and names that stand in
it. What is given at discharge is the answer to the question that the model is asked, so that
section is read and thrown away (LAMO, step 6 of its note pipeline).
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from fhir_mappings.formulary import Formulary
from lamo.notes.allergy_items import allergies_in
from lamo.notes.allergy_prose import allergies_told
from lamo.notes.digest import NoteTools
from lamo.notes.heading_words import Kind
from lamo.notes.headings import Section, find_sections
from lamo.notes.medication_items import medications_in
from lamo.notes.prose import RunningText, medications_told
from lamo.notes.sections import Mention, NoteSections
from lamo.notes.spans import Span
from lamo.notes.substances import WORDS_VERSION, class_of, is_substance

VERSION = "rules-3"  # changes with every change of what the rules answer
MAX_SECTION_CHARS = 400  # of a text section in a digest; the demonstration model was trained so
MAX_ITEMS = 60
MOST_CHARS = 300_000  # of a note; what is beyond is not read
MAX_LIST_CHARS = 15_000  # of the sections of one list that are read
LEAST_SHARE = 40  # characters of each of them, and what an empty one costs

_BULLET = re.compile(r"^[\s\-*\u2022.]*(?:\d{1,2}[.)]\s*)?")
_LISTED = re.compile(r"[\-*\u2022]|\d{1,2}[.)]")
# where running text may tell what is taken at home: not in the course, the plan or the family
_TELLS_OF_HOME: tuple[Kind, ...] = (
    "history_of_present_illness",
    "past_medical_history",
    "weak_history",
    "weak_problems",
    "social",
)
_HISTORY: tuple[Kind, ...] = ("history_of_present_illness", "weak_history")
_PAST: tuple[Kind, ...] = ("past_medical_history", "weak_problems")


@dataclass(frozen=True, slots=True)
class RuleReader:
    """Reads the five sections by their headings, and the two lists by the names in them."""

    formulary: Formulary

    @property
    def name(self) -> str:
        """Its version, and those of the names and of the words for classes that it knows."""
        return f"{VERSION}:{self.formulary.version}:{WORDS_VERSION}"

    def read(self, text: str) -> NoteSections:
        """Cut the note at its headings; the discharge medications are thrown away."""
        whole, text = len(text), text[:MOST_CHARS]
        note = _Parts(RunningText(text, self.formulary), find_sections(text))
        bodies = {
            "history_of_present_illness": note.first_of(_HISTORY),
            "past_medical_history": note.first_of(_PAST),
        }
        lists = {
            "allergies": self._once(_allergies(note)),
            "medications_on_admission": self._once(_medications(note)),
        }
        cut = [name for name, body in bodies.items() if is_longer(body)]
        cut += [name for name, items in lists.items() if len(items) > MAX_ITEMS]
        return NoteSections(
            history_of_present_illness=condense(bodies["history_of_present_illness"]),
            past_medical_history=condense(bodies["past_medical_history"]),
            allergies=self._kept(lists["allergies"]),
            medications_on_admission=self._kept(lists["medications_on_admission"]),
            cut=frozenset((*cut, *note.too_long(), *(lists if whole > MOST_CHARS else ()))),
        )

    def _once(self, mentions: Iterable[Mention]) -> tuple[Mention, ...]:
        """Each substance once, by ingredient or class where we know it, else by its name."""
        seen: dict[object, Mention] = {}
        for found in mentions:
            known = self.formulary.resolve((), found.name).ingredients
            codes = frozenset(ingredient.rxcui for ingredient in known)
            key = codes or class_of(found.name) or found.name.casefold()
            seen.setdefault(key, found)
        return tuple(seen.values())

    def _kept(self, items: tuple[Mention, ...]) -> tuple[Mention, ...]:
        """As many as a list may have; of too many those that are known come first."""
        if len(items) <= MAX_ITEMS:
            return items
        by_worth = sorted(items, key=lambda found: not is_substance(found.name, self.formulary))
        return tuple(by_worth[:MAX_ITEMS])


def rule_tools(formulary: Formulary) -> NoteTools:
    """Digests by rules alone."""
    return NoteTools(reader=RuleReader(formulary), formulary=formulary)


class _Parts:
    """A note cut at its headings."""

    def __init__(self, prose: RunningText, sections: Sequence[Section]) -> None:
        self.prose = prose
        self.sections = sections
        # what stands before any heading
        self.loose = Span(0, sections[0].start if sections else len(prose.text))
        self._by_kind: dict[Kind, list[Span]] = {}
        for section in sections:
            if section.end > section.start:
                span = Span(section.start, section.end)
                self._by_kind.setdefault(section.kind, []).append(span)

    def of(self, kind: Kind) -> Sequence[Span]:
        """The sections of a kind that are not empty."""
        return self._by_kind.get(kind, ())

    def first_of(self, kinds: Sequence[Kind]) -> str:
        """The bodies of the first of these kinds that the note has, one after the other."""
        found: Sequence[Span] = next((self.of(kind) for kind in kinds if self.of(kind)), ())
        return "\n".join(span.of(self.prose.text) for span in found)

    def listed(self, kind: Kind) -> Iterator[Span]:
        """The sections of a list, as far as they are read."""
        sections, left = self.of(kind), MAX_LIST_CHARS
        most = max(_share(_costs(sections), left), LEAST_SHARE)
        for start, end in sections:
            length = min(end - start, most, left)
            space = self.prose.text.rfind(" ", start, start + length) if start + length < end else 0
            yield Span(start, space if space > start else start + length)
            left -= max(length, LEAST_SHARE)
            if left <= 0:
                return

    def too_long(self) -> Iterator[str]:
        """The lists that are not read to their end."""
        if self.prose.is_worn_out:
            yield from ("allergies", "medications_on_admission")
        for kind in ("allergies", "medications_on_admission"):
            if sum(_costs(self.of(kind))) > MAX_LIST_CHARS:
                yield kind


def _costs(sections: Sequence[Span]) -> list[int]:
    return [max(end - start, LEAST_SHARE) for start, end in sections]


def _share(lengths: Sequence[int], room: int) -> int:
    """The most of each stretch that leaves room for all: long ones do not push short ones out."""
    left = len(lengths)
    for length in sorted(lengths):
        if length * left > room:
            return room // left
        room, left = room - length, left - 1
    return max(lengths, default=0)


def _allergies(note: _Parts) -> Iterator[Mention]:
    for span in note.listed("allergies"):
        yield from allergies_in(note.prose.text, span, note.prose.formulary)
    for section in note.sections:
        if section.kind != "family":
            yield from allergies_told(note.prose, Span(section.start, section.end))
    yield from allergies_told(note.prose, note.loose)


def _medications(note: _Parts) -> Iterator[Mention]:
    for span in note.listed("medications_on_admission"):
        yield from medications_in(note.prose.text, span, note.prose.formulary)
    for kind in _TELLS_OF_HOME:
        for span in note.of(kind):
            yield from medications_told(note.prose, span)
    yield from medications_told(note.prose, note.loose)


def condense(text: str, limit: int = MAX_SECTION_CHARS) -> str:
    """Text on one line, cut at the end of a sentence or word so that it fits the limit."""
    line = _on_one_line(text)
    if len(line) <= limit:
        return line
    head = line[:limit]
    end = head.rfind(". ")
    return head[: end + 1] if end > limit // 2 else head[: head.rfind(" ")]


def is_longer(text: str) -> bool:
    """Whether `condense` leaves some of it out."""
    return len(_on_one_line(text)) > MAX_SECTION_CHARS


def _on_one_line(text: str) -> str:
    rows = [row.strip() for row in text.splitlines() if row.strip()]
    is_list = len(rows) > 1 and all(_LISTED.match(row) for row in rows)
    line = (", " if is_list else " ").join(_BULLET.sub("", row) for row in rows)
    return " ".join(line.split())
