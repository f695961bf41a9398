"""What only a note tells of the patient, beside what the structured record says.

An allergy that stands in a note and in no AllergyIntolerance is checked like any other, with the
words of the note as its evidence; that the two disagree is a gap. A home medication that only a
note lists is shown to the model and is a gap: a list of long ago is no ground for a warning, and
none for a suggestion either.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from fhir_mappings.allergies import is_no_medication, substance_class
from fhir_mappings.formulary import Formulary
from fhir_mappings.record import Allergy, Gap, PatientRecord
from lamo.notes.allergy_items import material_of
from lamo.notes.digest import newest_list
from lamo.notes.sections import Mention, NoteSections


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadNote:
    """What was read in one note, by whom."""

    sections: NoteSections
    reader: str  # NoteReader.name
    document_sha256: str | None = None
    reference: str | None = None
    dated: date | None = None


def with_notes(
    record: PatientRecord, notes: Sequence[ReadNote], formulary: Formulary
) -> tuple[PatientRecord, tuple[Gap, ...]]:
    """The record with the allergies that only its notes tell of, and where they disagree."""
    told = list(_only_told(record.allergies, notes, formulary))
    gaps = [gap for allergy in told for gap in _allergy_gaps(allergy, record)]
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
    return Allergy(
        display=mention.name,
        ingredients=formulary.find_in_text(mention.name),
        substance_class=substance_class(mention.name),
        reference=note.reference,
        quote=mention.quote,
        dated=note.dated,
    )


def _keys(allergy: Allergy) -> set[str]:
    """What it is to: ingredients and class where they are known, else its words."""
    keys = {ingredient.rxcui for ingredient in allergy.ingredients}
    keys |= {allergy.substance_class} if allergy.substance_class else set()
    return keys or {material_of(allergy.display) or allergy.display.casefold()}


def _allergy_gaps(allergy: Allergy, record: PatientRecord) -> Iterator[Gap]:
    where = allergy.reference or "documents"
    yield Gap(
        kind="allergy-only-in-note",
        where=where,
        meaning=f"A note tells of an allergy to {allergy.display}, and no AllergyIntolerance does; "
        "it was checked all the same.",
    )
    is_known = allergy.ingredients or allergy.substance_class
    if not is_known and not material_of(allergy.display) and not is_no_medication(allergy.display):
        yield Gap(
            kind="allergy-unresolved",
            where=where,
            meaning=f"'{allergy.display}', in a note, is not a substance we know: "
            "not checked against.",
            shown=bool(record.ordered),
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
