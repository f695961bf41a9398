"""No allergy is pushed out by other text without anybody being told."""

import pytest

from fhir_mappings.formulary import Formulary
from fhir_mappings.record import Gap
from lamo.notes.merge import ReadNote, with_notes
from lamo.notes.rules import MAX_ITEMS, MAX_LIST_CHARS, RuleReader
from tests.lamo.records import medication, patient

FORMULARY = Formulary.load()
READER = RuleReader(FORMULARY)
STORY = "The hall is long and nobody walks there after supper. " * 500


def gaps_of(text: str) -> tuple[Gap, ...]:
    note = ReadNote(sections=READER.read(text), reader=READER.name)
    ordered = patient(ordered=(medication(FORMULARY, "Ibuprofen"),))
    return with_notes(ordered, [note], FORMULARY)[1]


@pytest.mark.parametrize(
    "text",
    [
        "Allergies: " + ", ".join(f"foo{n}" for n in range(MAX_ITEMS)) + "\nPMH: gout\n",
        f"Allergies: See below. {STORY}\n\n",
        "Allergies: " + "(" * MAX_LIST_CHARS + "\n",
    ],
)
def test_unknown_words_and_stories_push_no_known_substance_out(text: str) -> None:
    note = READER.read(f"{text}Allergies: Amoxicillin (anaphylaxis)")
    assert "Amoxicillin" in {found.name for found in note.allergies}
    assert len(note.allergies) <= MAX_ITEMS


@pytest.mark.parametrize(
    "text",
    [
        "Allergies: " + ", ".join(f"foo{n}" for n in range(MAX_ITEMS + 1)),
        f"Allergies: {STORY}",
        "Allergies: " + "(" * 990_000 + "\nAllergies: Amoxicillin",
        "Allergies: nuts\n" * 5000,
        "allergic to aspirin " * 5000,
    ],
)
def test_allergies_that_were_not_read_are_a_gap_that_is_shown(text: str) -> None:
    assert [gap.shown for gap in gaps_of(text) if gap.kind == "note-allergies-unread"] == [True]


def test_a_list_that_was_read_whole_has_no_such_gap() -> None:
    assert "note-allergies-unread" not in {gap.kind for gap in gaps_of("Allergies: PCN, latex")}


def test_a_known_allergy_is_said_to_be_checked_and_an_unknown_one_not() -> None:
    (unknown,) = gaps_of("Allergies: xyzzymab")
    assert (unknown.kind, unknown.shown) == ("allergy-unresolved", True)
    assert "not checked against" in unknown.meaning
    (known,) = gaps_of("Allergies: PCN (hives)")
    assert (known.kind, known.shown) == ("allergy-only-in-note", False)
    assert "checked all the same" in known.meaning
    (food,) = gaps_of("Allergies: peanuts")
    assert food.kind == "allergy-only-in-note"
    assert "nothing was checked" in food.meaning
