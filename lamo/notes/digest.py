"""From what was read in the notes, and the structured lists, to the four parts of the prompt."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from fhir_mappings.formulary import Formulary
from fhir_mappings.record import Ingredient, PatientRecord
from lamo.notes.sections import Mention, NoteReader, NoteSections

MAX_ITEMS = 60
SETTINGS = {
    "inpatient": "admitted to the hospital",
    "icu": "admitted to the ICU",
    "outpatient": "seen in clinic",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteDigest:
    """The four labelled parts that the prompt prints; lists hold plain names."""

    history_of_present_illness: str
    past_medical_history: str
    allergies: tuple[str, ...]
    medications_on_admission: tuple[str, ...]
    cut: frozenset[str] = frozenset()  # names of sections that are not whole


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteTools:
    """What it takes to turn a record's notes into a digest."""

    reader: NoteReader
    formulary: Formulary


def digest_record(record: PatientRecord, tools: NoteTools) -> NoteDigest | None:
    """Read the notes of a record and make their digest; see `digest_of`."""
    return digest_of(record, [tools.reader.read(note.text) for note in record.notes], tools)


def digest_of(
    record: PatientRecord, readings: Sequence[NoteSections], tools: NoteTools
) -> NoteDigest | None:
    """Merge what the notes say, newest first, with the structured lists of the record.

    The newest note that has a text section or home medications gives them; allergies are those of
    all notes, as one that was written down once is not undone by a note that is silent on it.
    Medication names are those of the formulary where it knows them, so that a brand in a note and
    a code in a resource print the same; the two texts name none (`Formulary.unnamed`). A patient
    without a note but with home medications, allergies or a known setting still has a digest,
    whose history says age, sex and setting; with none of these there is no digest (LAMO's prompt
    without a note).
    """
    names = _namer(tools.formulary)
    told = (found.name for reading in readings for found in reading.allergies)
    allergies = _merge([allergy.display for allergy in record.allergies], told, names)
    home = _merge(
        _labels(i for drug in record.current for i in drug.ingredients),
        (found.name for found in newest_list(readings)),
        names,
    )
    history = _newest(readings, lambda reading: reading.history_of_present_illness)
    past = _newest(readings, lambda reading: reading.past_medical_history)
    is_empty = all(reading.is_empty() for reading in readings)
    if is_empty and not allergies and not home and record.setting is None:
        return None
    return NoteDigest(
        history_of_present_illness=tools.formulary.unnamed(history) or _person(record),
        past_medical_history=tools.formulary.unnamed(past),
        allergies=allergies,
        medications_on_admission=home,
        cut=frozenset().union(*(reading.cut for reading in readings)),
    )


def newest_list(readings: Sequence[NoteSections]) -> tuple[Mention, ...]:
    """The home medications of the newest note that has any."""
    lists = (reading.medications_on_admission for reading in readings)
    return next((found for found in lists if found), ())


def _newest(readings: Sequence[NoteSections], pick: Callable[[NoteSections], str]) -> str:
    return next((text for reading in readings if (text := pick(reading))), "")


def _namer(formulary: Formulary) -> Callable[[str], list[str]]:
    def names(item: str) -> list[str]:
        return _labels(formulary.find_in_text(item)) or [item]

    return names


def _merge(
    structured: Iterable[str], from_notes: Iterable[str], names: Callable[[str], list[str]]
) -> tuple[str, ...]:
    """Each name once, however it is capitalised, in its first spelling."""
    merged: dict[str, str] = {}
    for item in (*structured, *from_notes):
        for name in names(item):
            merged.setdefault(name.casefold(), name)
    return tuple(merged.values())[:MAX_ITEMS]


def _labels(ingredients: Iterable[Ingredient]) -> list[str]:
    return list(dict.fromkeys(ingredient.label for ingredient in ingredients))


def _person(record: PatientRecord) -> str:
    age = "unknown age" if record.age is None else f"{record.age} year old"
    setting = f", {SETTINGS[record.setting]}" if record.setting else ""
    return f"{age} {record.sex or 'patient'}{setting}."
