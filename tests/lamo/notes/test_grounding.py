"""What a model says of a note is kept only where the note says it too."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamo.notes.grounding import grounded
from lamo.notes.sections import Claims

NOTE = """HPI: 71 yo man with 4 days of mouth sores. Denies NSAIDs.
He was well until Monday.

Allergies: Zosyn (rash), latex

Home meds: MTX 15 mg qwk,
folic
acid 1 mg daily, Caf\u00e9-acet 5 mg

Family history: mother allergic to penicillin

Discharge Medications: linagliptin 5 mg
"""


def test_list_items_are_found_with_their_place() -> None:
    read = grounded(NOTE, Claims(allergies=("zosyn", "Latex"), medications_on_admission=("MTX",)))
    assert [one.name for one in read.allergies] == ["Zosyn", "latex"]
    assert NOTE[read.allergies[0].start : read.allergies[0].end] == "Zosyn"
    assert read.allergies[0].quote == "Allergies: Zosyn (rash), latex"
    assert read.dropped == 0


def test_what_the_note_does_not_hold_is_dropped_and_counted() -> None:
    claims = Claims(
        allergies=("Zosyn", "aspirin"), medications_on_admission=("oxycodone", "fol", "MTX")
    )
    read = grounded(NOTE, claims)
    assert [one.name for one in read.allergies] == ["Zosyn"]
    assert [one.name for one in read.medications_on_admission] == ["MTX"]
    assert read.dropped == 3


def test_a_name_over_a_line_break_and_with_an_accent_is_found() -> None:
    read = grounded(NOTE, Claims(medications_on_admission=("folic acid", "Cafe acet")))
    assert [one.name for one in read.medications_on_admission] == ["folic acid", "Caf\u00e9-acet"]


def test_discharge_medications_relatives_and_denials_do_not_count() -> None:
    claims = Claims(allergies=("penicillin",), medications_on_admission=("linagliptin", "NSAIDs"))
    read = grounded(NOTE, claims)
    assert (read.allergies, read.medications_on_admission, read.dropped) == ((), (), 3)


@pytest.mark.parametrize(
    "line",
    [
        "Allergies: ibuprofen",
        "Ibuprofen - anaphylaxis",
        "She tells us that she broke out in hives on the day when she took\nibuprofen last spring.",
        "Discharge Medications:\nfamotidine 20 mg\nSTOP ibuprofen (allergic)",
        "Adverse reaction to ibuprofen in 2019, admitted for it.",
    ],
)
def test_an_allergy_is_believed_where_the_note_speaks_of_one(line: str) -> None:
    read = grounded(f"HPI: 71 yo man, well.\n\n{line}\n", Claims(allergies=("ibuprofen",)))
    assert ([one.name.lower() for one in read.allergies], read.dropped) == (["ibuprofen"], 0)


@pytest.mark.parametrize(
    "line",
    [
        "Discharge Medications:\nIbuprofen 400 mg\nCetirizine 10 mg for allergies",
        "Discharge Medications: Ibuprofen 400 mg, ondansetron 4 mg prn nausea",
        "Home meds: ibuprofen 400 mg",
        "He takes ibuprofen for pain. He is allergic to latex.",
        "Hospital course: given ibuprofen, no known drug allergies.",
        "Hydrocortisone and ibuprofen were given for itching.",
    ],
)
def test_an_allergy_is_dropped_where_the_note_only_names_the_drug(line: str) -> None:
    read = grounded(f"Allergies: none\n\n{line}\n", Claims(allergies=("ibuprofen",)))
    assert (read.allergies, read.dropped) == ((), 1)


def test_of_a_text_the_sentences_that_stand_in_the_note_are_kept() -> None:
    story = (
        "71 yo man with 4 days of mouth sores. He received vancomycin. He was well until Monday."
    )
    read = grounded(NOTE, Claims(history_of_present_illness=story))
    assert read.history_of_present_illness == (
        "71 yo man with 4 days of mouth sores. He was well until Monday."
    )
    assert read.dropped == 1


@given(st.text(max_size=400), st.lists(st.text(max_size=30), max_size=5), st.text(max_size=200))
def test_nothing_comes_out_that_is_not_in_the_note(note: str, items: list[str], story: str) -> None:
    read = grounded(note, Claims(allergies=tuple(items), history_of_present_illness=story))
    for found in read.allergies:
        assert note[found.start : found.end]
        assert found.name == " ".join(note[found.start : found.end].split())
