"""How well a reader reads: against notes that a person has read (`*.txt` with `*.json` beside).

Entities are compared as their ingredients where the formulary knows them, so that a brand and its
ingredient are the same answer, and by name otherwise. A section is found when both its ends are.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fhir_mappings.formulary import Formulary
from fhir_mappings.substances import substance_class
from lamo.notes.headings import find_sections
from lamo.notes.sections import NoteReader
from lamo.notes.substances import material_of

_PLAIN = re.compile(r"[a-z0-9]+")
LISTS = ("allergies", "medications_on_admission")
KINDS = ("history_of_present_illness", "past_medical_history", *LISTS, "discharge_medications")
_SEE = "see tests/data/notes/README.md"
WEAK = {"weak_history": "history_of_present_illness", "weak_problems": "past_medical_history"}


@dataclass(frozen=True, slots=True)
class ReadByHand:
    """One note and what a careful person found in it; see tests/data/notes/README.md."""

    name: str
    text: str
    gold: dict[str, Any]


@dataclass(slots=True)
class Tally:
    """Counts of one kind over all notes."""

    right: int = 0
    missed: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)

    @property
    def precision(self) -> float:
        """Share of what was returned that is right."""
        return self.right / max(1, self.right + len(self.added))

    @property
    def recall(self) -> float:
        """Share of what there is that was returned."""
        return self.right / max(1, self.right + len(self.missed))

    @property
    def f1(self) -> float:
        """Harmonic mean of the two."""
        return 2 * self.right / max(1, 2 * self.right + len(self.missed) + len(self.added))

    def add(self, note: str, found: set[str], wanted: set[str]) -> None:
        """Count one note."""
        self.right += len(found & wanted)
        self.missed += [f"{note}: {name}" for name in sorted(wanted - found)]
        self.added += [f"{note}: {name}" for name in sorted(found - wanted)]


class HandNotesRefused(Exception):  # noqa: N818 - a situation, named as such
    """A folder holds no notes read by hand, or one that cannot be compared with."""


def notes_in(folder: Path) -> list[ReadByHand]:
    """The notes of a folder, each with the reading beside it.

    Raises:
        HandNotesRefused: there is none, or one has no reading of the wanted form.
    """
    notes = [_note(path) for path in sorted(folder.glob("*.txt"))]
    if not notes:
        raise HandNotesRefused(
            f"{folder}: found no note, wanted NAME.txt with what a person reads in it as NAME.json "
            f"beside it: {_SEE}"
        )
    return notes


def _note(path: Path) -> ReadByHand:
    beside = path.with_suffix(".json")
    try:
        note = ReadByHand(path.stem, path.read_text("utf-8"), json.loads(beside.read_text("utf-8")))
        fault = _fault_of(note)
    except UnicodeDecodeError:
        fault = f"it or {path.name} is not UTF-8"
    except (ValueError, RecursionError):
        fault = "found no JSON"
    except OSError as error:
        fault = f"cannot be read ({error.strerror}), wanted what a person reads in {path.name}"
    if fault:
        raise HandNotesRefused(f"{beside}: {fault}: {_SEE}")
    return note


def _fault_of(note: ReadByHand) -> str | None:
    """What is wrong with a reading by hand."""
    if not isinstance(note.gold, dict):
        return "found no JSON object"
    for name in LISTS:
        names = note.gold.get(name)
        if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
            return f"wanted {name} as a list of names"
    sections = note.gold.get("sections")
    if not isinstance(sections, list) or not all(map(_is_section, sections)):
        return (
            "wanted sections as a list of objects with name, starts and ends, each name one of "
            f"{', '.join(KINDS)}"
        )
    try:
        gold_bounds(note)
    except ValueError:
        return "a section starts or ends with words that do not stand in the note in this order"
    return None


def _is_section(section: object) -> bool:
    return (
        isinstance(section, dict)
        and section.get("name") in KINDS
        and all(isinstance(section.get(end), str) for end in ("starts", "ends"))
    )


def evaluate(
    reader: NoteReader, notes: Iterable[ReadByHand], formulary: Formulary
) -> dict[str, Tally]:
    """Tallies of both lists and of the section boundaries."""
    tallies = {name: Tally() for name in (*LISTS, "sections")}
    for note in notes:
        read = reader.read(note.text)
        for name in LISTS:
            found = {key for one in getattr(read, name) for key in keys_of(one.name, formulary)}
            wanted = {key for one in note.gold[name] for key in keys_of(one, formulary)}
            tallies[name].add(note.name, found, wanted)
        tallies["sections"].add(note.name, set(found_bounds(note.text)), set(gold_bounds(note)))
    return tallies


def keys_of(name: str, formulary: Formulary) -> set[str]:
    """The ingredients of a name, by label; the name itself where we know none."""
    known = {ingredient.label for ingredient in formulary.find_in_text(name)}
    if known:
        return known
    return {substance_class(name) or material_of(name) or " ".join(_PLAIN.findall(name.casefold()))}


def found_bounds(text: str) -> Iterator[str]:
    """The five sections as "kind start-end", by the rules."""
    sections = find_sections(text)
    kinds = {section.kind for section in sections}
    for section in sections:
        kind: str = section.kind
        if kind in WEAK:
            kind = WEAK[kind] if WEAK[kind] not in kinds else "other"
        if kind not in ("other", "family", "social") and section.end > section.start:
            yield f"{kind} {section.start}-{section.end}"


def gold_bounds(note: ReadByHand) -> Sequence[str]:
    """The same of the reading by hand."""
    bounds, at = [], 0
    for section in note.gold["sections"]:
        start = note.text.index(section["starts"], at)
        end = note.text.index(section["ends"], start) + len(section["ends"])
        bounds.append(f"{section['name']} {start}-{end}")
        at = start
    return bounds
