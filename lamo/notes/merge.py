"""What only a note tells of the patient, beside what the structured record says.

An allergy that stands in a note and in no AllergyIntolerance is checked like any other, with the
words of the note as its evidence; that the two disagree is a gap. A home medication that only a
note lists is shown to the model and is a gap: a list of long ago is no ground for a warning, and
none for a suggestion either.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from fhir_mappings.formulary import Formulary
from fhir_mappings.record import Allergy, Gap, PatientRecord
from fhir_mappings.substances import is_no_medication, substance_class
from lamo.notes.digest import newest_list
from lamo.notes.sections import Mention, NoteSections
from lamo.notes.substances import class_of, material_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadNote:
    """What was read in one note, by whom."""

    sections: NoteSections
    reader: str  # NoteReader.name
    document_sha256: str | None = None
    reference: str | None = None
    dated: date | None = None
    of_rules: int = 0  # list items in it that the rules found and a model left out


def with_notes(
    record: PatientRecord, notes: Sequence[ReadNote], formulary: Formulary
) -> tuple[PatientRecord, tuple[Gap, ...]]:
    """The record with the allergies that only its notes tell of, and where they disagree."""
    told = list(_only_told(record.allergies, notes, formulary))
    gaps = [_allergy_gap(allergy, record) for allergy in told]
    gaps += map(_unread, (note for note in notes if "allergies" in note.sections.cut))
    gaps += _unlisted(record, notes, formulary)
    at_home = (formulary.find_in_text(one.name) for one in newest_list(_sections(notes)))
    merged = replace(
        record,
        allergies=(*record.allergies, *told),
        told=tuple(dict.fromkeys(part for parts in at_home for part in parts)),
    )
    return merged, tuple(gaps)


def _sections(notes: Sequence[ReadNote]) -> list[NoteSections]:
    return [note.sections for note in notes]


def _only_told(
    structured: Sequence[Allergy], notes: Sequence[ReadNote], formulary: Formulary
) -> Iterator[Allergy]:
    """The allergies of the notes that the record does not have, each once."""
    known = {key for allergy in structured for key in _keys(allergy)}
    for note in notes:
        for mention in note.sections.allergies:
            allergy = _allergy(mention, note, formulary)
            keys = _keys(allergy)
            if not keys & known:
                known |= keys
                yield allergy


def _allergy(mention: Mention, note: ReadNote, formulary: Formulary) -> Allergy:
    ingredients = formulary.find_in_text(mention.name)
    named = substance_class(mention.name) if ingredients else class_of(mention.name)
    return Allergy(
        display=mention.name,
        ingredients=ingredients,
        substance_class=named,
        reference=note.reference,
        quote=mention.quote,
        dated=note.dated,
    )


def _keys(allergy: Allergy) -> set[str]:
    """What it is to: ingredients and class where they are known, else its words."""
    keys = {ingredient.rxcui for ingredient in allergy.ingredients}
    keys |= {allergy.substance_class} if allergy.substance_class else set()
    return keys or {material_of(allergy.display) or allergy.display.casefold()}


def _allergy_gap(allergy: Allergy, record: PatientRecord) -> Gap:
    """That the record and a note disagree, and whether the allergy was checked all the same."""
    where, name = allergy.reference or "documents", allergy.display
    told = f"A note tells of an allergy to {name}, and no AllergyIntolerance does"
    if allergy.ingredients or allergy.substance_class:
        meaning = f"{told}; it was checked all the same."
    elif material_of(name) or is_no_medication(name):
        meaning = f"{told}; it is no medication, so nothing was checked against it."
    else:
        return Gap(
            kind="allergy-unresolved",
            where=where,
            meaning=f"'{name}', an allergy in a note alone, is not a substance we know: "
            "not checked against.",
            shown=bool(record.ordered),
        )
    return Gap(kind="allergy-only-in-note", where=where, meaning=meaning)


def _unread(note: ReadNote) -> Gap:
    """An allergy that was not read is one that nothing was checked against, so this is shown."""
    return Gap(
        kind="note-allergies-unread",
        where=note.reference or "documents",
        meaning="A note has more text or more allergies than are read: some of its allergies may "
        "not have been checked against.",
        shown=True,
    )


def _unlisted(
    record: PatientRecord, notes: Sequence[ReadNote], formulary: Formulary
) -> Iterator[Gap]:
    """The home medications of the newest list that no order and no statement names."""
    listed = {ingredient.rxcui for ingredient in record.on_list()}
    newest = next((note for note in notes if note.sections.medications_on_admission), None)
    for mention in newest.sections.medications_on_admission if newest else ():
        found = formulary.find_in_text(mention.name)
        if not any(ingredient.rxcui in listed for ingredient in found):
            yield Gap(
                kind="medication-only-in-note",
                where=newest.reference or "documents" if newest else "documents",
                meaning=f"A note lists {mention.name} among the home medications, and no active "
                "order or statement does; the model was shown it, and duplicates with it were "
                "not checked.",
            )
