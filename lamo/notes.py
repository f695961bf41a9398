"""From clinical notes to LAMO's four-part digest. The reader stands behind one protocol.

A note is data: whatever it says, a reader can only return sections and list items of it. What was
given at discharge is the answer to the question that the model is asked, so that section is read
and thrown away (LAMO, step 6 of its note pipeline).
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Protocol

from fhir_mappings.formulary import Formulary
from fhir_mappings.record import Ingredient, PatientRecord

MAX_SECTION_CHARS = 400
MAX_ITEMS = 30
MAX_ITEM_CHARS = 60
SETTINGS = {
    "inpatient": "admitted to the hospital",
    "icu": "admitted to the ICU",
    "outpatient": "seen in clinic",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteSections:
    """What a reader found in one note, before or at admission only."""

    history_of_present_illness: str = ""
    past_medical_history: str = ""
    allergies: tuple[str, ...] = ()
    medications_on_admission: tuple[str, ...] = ()
    cut: frozenset[str] = frozenset()  # names of sections that were longer than a digest takes

    def is_empty(self) -> bool:
        """Whether the note held none of the sections."""
        return self == NoteSections()


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteDigest:
    """The four labelled parts that the prompt prints; lists hold plain names."""

    history_of_present_illness: str
    past_medical_history: str
    allergies: tuple[str, ...]
    medications_on_admission: tuple[str, ...]
    cut: frozenset[str] = frozenset()  # names of sections that are not whole


class NoteReader(Protocol):
    """Reads the text of one note."""

    def read(self, text: str) -> NoteSections:
        """Return the sections that the note has; empty ones where it has none."""
        ...


# Headings that introduce one of LAMO's five sections, as hospitals word them.
_HEADINGS = {
    "history_of_present_illness": (
        r"history of (?:the )?present(?:ing)? illness|hpi|present illness|reason for admission|"
        r"presenting complaint"
    ),
    "past_medical_history": (
        r"past (?:medical|surgical|medical and surgical) history|medical history|pmhx?|"
        r"pmh/psh|past history"
    ),
    "allergies": r"(?:drug |medication )?allerg(?:ies|y)(?:/adverse reactions)?|adverse reactions",
    "medications_on_admission": (
        r"(?:home |admission |current |outpatient |preadmission |pre-admission )medications?|"
        r"medications? (?:on|at|prior to) admission|medications? prior to arrival|home meds|"
        r"meds on admission|medications"
    ),
    "discharge_medications": (
        r"discharge (?:medications?|meds|rx)|medications? (?:on|at) discharge|"
        r"meds on discharge|discharged on"
    ),
    "other": (
        r"chief complaint|hospital course|brief hospital course|family history|social history|"
        r"physical exam(?:ination)?|review of systems|assessment(?: and plan)?|plan|"
        r"discharge (?:diagnos[ie]s|condition|instructions|disposition)|laborator(?:y|ies)|labs|"
        r"pertinent results|followup instructions|follow-up|impression|vital signs|procedures?"
    ),
}
_HEADING = re.compile(
    r"^[ \t#*]*(?:"
    + "|".join(f"(?P<{name}>{words})" for name, words in _HEADINGS.items())
    + r")[ \t*]*(?::[ \t*]*|-[ \t]+|$)",
    re.IGNORECASE | re.MULTILINE,
)
_TEXTS = frozenset({"history_of_present_illness", "past_medical_history"})
_LISTS = frozenset({"allergies", "medications_on_admission"})
_SEPARATORS = re.compile(r"[\n;,\u2022]|\s\d{1,2}[.)]\s")
_BULLET = re.compile(r"^[\s\-*\u2022.]*(?:\d{1,2}[.)]\s*)?")
_LISTED = re.compile(r"[\-*\u2022]|\d{1,2}[.)]")
_DOSE = re.compile(
    r"\s+(?:\d[\d.,/%-]*\s*(?:mg|mcg|g|ml|units?|iu|meq|puffs?|tabs?|caps?|%)?\b.*|"
    r"(?:po|iv|im|sc|subq|daily|bid|tid|qid|qhs|prn|q\d+h)\b.*)$",
    re.IGNORECASE,
)
_NOTHING = re.compile(
    r"^(?:none|nil|n/?a|unknown|nkda|nka|no known (?:drug |medication )?allerg(?:y|ies)|"
    r"no (?:home )?medications?|denies.*)\W*$",
    re.IGNORECASE,
)


class HeadingReader:
    """Reads the five sections by their headings; needs no model and no network."""

    def read(self, text: str) -> NoteSections:
        """Cut the note at its headings; the discharge medications are thrown away."""
        found: dict[str, str] = {}
        headings = list(_HEADING.finditer(text))
        for heading, following in zip_longest(headings, headings[1:]):
            body = text[heading.end() : following.start() if following else len(text)]
            name = str(heading.lastgroup)
            if body.strip() and name not in found:
                found[name] = body.strip()
        return NoteSections(
            history_of_present_illness=condense(found.get("history_of_present_illness", "")),
            past_medical_history=condense(found.get("past_medical_history", "")),
            allergies=list_items(found.get("allergies", "")),
            medications_on_admission=list_items(found.get("medications_on_admission", "")),
            cut=frozenset(name for name, body in found.items() if _is_cut(name, body)),
        )


def condense(text: str, limit: int = MAX_SECTION_CHARS) -> str:
    """Text on one line, cut at the end of a sentence or word so that it fits the limit."""
    line = _on_one_line(text)
    if len(line) <= limit:
        return line
    head = line[:limit]
    end = head.rfind(". ")
    return head[: end + 1] if end > limit // 2 else head[: head.rfind(" ")]


def _on_one_line(text: str) -> str:
    rows = [row.strip() for row in text.splitlines() if row.strip()]
    is_list = len(rows) > 1 and all(_LISTED.match(row) for row in rows)
    line = (", " if is_list else " ").join(_BULLET.sub("", row) for row in rows)
    return " ".join(line.split())


def _is_cut(name: str, body: str) -> bool:
    """Whether a digest leaves some of a section out."""
    if name in _TEXTS:
        return len(_on_one_line(body)) > MAX_SECTION_CHARS
    return name in _LISTS and len(_all_items(body)) > MAX_ITEMS


def list_items(text: str) -> tuple[str, ...]:
    """The items of a list section: bullets, numbers, doses and routes taken off."""
    return _all_items(text)[:MAX_ITEMS]


def _all_items(text: str) -> tuple[str, ...]:
    items: dict[str, None] = {}
    for raw in _SEPARATORS.split(text):
        item = _DOSE.sub("", _BULLET.sub("", raw)).strip(" .\t")[:MAX_ITEM_CHARS]
        if item and not _NOTHING.match(item):
            items[item] = None
    return tuple(items)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteTools:
    """What it takes to turn a record's notes into a digest."""

    reader: NoteReader
    formulary: Formulary


def digest_record(record: PatientRecord, tools: NoteTools) -> NoteDigest | None:
    """Merge what the notes say with the structured lists of the record.

    The newest note that has a section gives it. Medication names are those of the formulary where
    it knows them, so that a brand in a note and a code in a resource print the same. A patient
    without a note but with home medications, allergies or a known setting still has a digest,
    whose history says age, sex and setting; with none of these there is no digest (LAMO's prompt
    without a note).
    """
    sections = _newest_of_each([tools.reader.read(note.text) for note in record.notes])
    names = _namer(tools.formulary)
    allergies = _merge([allergy.display for allergy in record.allergies], sections.allergies, names)
    home = _merge(
        _labels(i for drug in record.current for i in drug.ingredients),
        sections.medications_on_admission,
        names,
    )
    if sections.is_empty() and not allergies and not home and record.setting is None:
        return None
    return NoteDigest(
        history_of_present_illness=sections.history_of_present_illness or _person(record),
        past_medical_history=sections.past_medical_history,
        allergies=allergies,
        medications_on_admission=home,
        cut=sections.cut,
    )


def _newest_of_each(all_sections: Sequence[NoteSections]) -> NoteSections:
    """The first non-empty value of each section, the notes being newest first."""

    def first(pick: Callable[[NoteSections], str]) -> str:
        return next((pick(sections) for sections in all_sections if pick(sections)), "")

    def first_list(pick: Callable[[NoteSections], tuple[str, ...]]) -> tuple[str, ...]:
        return next((pick(sections) for sections in all_sections if pick(sections)), ())

    return NoteSections(
        history_of_present_illness=first(lambda s: s.history_of_present_illness),
        past_medical_history=first(lambda s: s.past_medical_history),
        allergies=first_list(lambda s: s.allergies),
        medications_on_admission=first_list(lambda s: s.medications_on_admission),
        cut=frozenset().union(*(sections.cut for sections in all_sections)),
    )


def _namer(formulary: Formulary) -> Callable[[str], list[str]]:
    def names(item: str) -> list[str]:
        return _labels(formulary.find_in_text(item)) or [item]

    return names


def _merge(
    structured: Iterable[str], from_notes: Iterable[str], names: Callable[[str], list[str]]
) -> tuple[str, ...]:
    merged = {name: None for item in (*structured, *from_notes) for name in names(item)}
    return tuple(merged)[:MAX_ITEMS]


def _labels(ingredients: Iterable[Ingredient]) -> list[str]:
    return list(dict.fromkeys(ingredient.label for ingredient in ingredients))


def _person(record: PatientRecord) -> str:
    age = "unknown age" if record.age is None else f"{record.age} year old"
    setting = f", {SETTINGS[record.setting]}" if record.setting else ""
    return f"{age} {record.sex or 'patient'}{setting}."
