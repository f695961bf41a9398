"""The rule reader against notes that people wrote and read by hand.

The first folder holds the 60 notes that the product promises figures for. The others are 60 more,
written later by people who had not seen the rules; `benchmarks/note_readers.py` prints every
figure, and docs/notes.md has what each batch gave when it was read for the first time.
"""

from pathlib import Path

import pytest

from fhir_mappings.formulary import Formulary
from lamo.notes.evaluation import Tally, evaluate, gold_bounds, notes_in
from lamo.notes.rules import RuleReader

NOTES = Path(__file__).parents[2] / "data" / "notes"
FORMULARY = Formulary.load()
LATER = ("second", "third", "fourth")


def tallies(*folders: str) -> dict[str, Tally]:
    notes = [note for folder in folders for note in notes_in(NOTES / folder)]
    return evaluate(RuleReader(FORMULARY), notes, FORMULARY)


@pytest.mark.parametrize(
    ("what", "wanted"),
    [("allergies", 0.95), ("medications_on_admission", 0.93), ("sections", 0.95)],
)
def test_the_sixty_notes_are_read_as_a_person_reads_them(what: str, wanted: float) -> None:
    found = tallies("hand")[what]
    assert found.f1 >= wanted, (found.missed, found.added)


@pytest.mark.parametrize(
    ("what", "wanted"),
    [("allergies", 0.88), ("medications_on_admission", 0.91), ("sections", 0.94)],
)
def test_later_notes_are_not_read_worse_than_before(what: str, wanted: float) -> None:
    found = tallies(*LATER)[what]
    assert found.f1 >= wanted, (found.missed, found.added)


def test_every_gold_reading_fits_its_note() -> None:
    notes = [note for folder in ("hand", *LATER) for note in notes_in(NOTES / folder)]
    assert len(notes) == 120
    assert len(notes_in(NOTES / "hand")) == 60
    for note in notes:
        gold_bounds(note)
        for name in (*note.gold["allergies"], *note.gold["medications_on_admission"]):
            assert name.lower() in note.text.lower().replace("\n", " "), (note.name, name)
