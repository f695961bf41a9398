"""The section reader: five headings in many hands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_mappings.formulary import Formulary
from fhir_mappings.record import Note
from lamo.notes import MAX_SECTION_CHARS, HeadingReader, NoteTools, digest_record, list_items
from tests.lamo.records import patient

READER = HeadingReader()


@pytest.mark.parametrize(
    "heading",
    [
        "Medications on Admission:",
        "MEDICATIONS ON ADMISSION",
        "Home Medications:",
        "Home meds:",
        "**Current Medications:**",
        "Admission Medications - ",
    ],
)
def test_heading_variants_introduce_the_home_medications(heading: str) -> None:
    sections = READER.read(f"HPI: well.\n{heading}\nlisinopril 10 mg daily\n")
    assert sections.medications_on_admission == ("lisinopril",)


def test_sections_are_found_in_any_order_and_missing_ones_are_empty() -> None:
    sections = READER.read("ALLERGIES: sulfa, latex\nHistory of Present Illness: fell at home.\n")
    assert sections.allergies == ("sulfa", "latex")
    assert sections.history_of_present_illness == "fell at home."
    assert sections.past_medical_history == ""


def test_the_hospital_course_belongs_to_no_section() -> None:
    sections = READER.read("HPI: cough.\nHospital Course:\nGiven ceftriaxone.\n")
    assert sections.history_of_present_illness == "cough."


def test_discharge_medications_are_thrown_away() -> None:
    sections = READER.read("Discharge Medications:\n- warfarin 5 mg\n")
    assert sections.is_empty()


@pytest.mark.parametrize(
    "text", ["None", "NKDA", "No known drug allergies.", "n/a", "denies any allergies"]
)
def test_a_section_that_says_nothing_is_an_empty_list(text: str) -> None:
    assert list_items(text) == ()


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("1. Lasix 40 mg po daily\n2. aspirin 81mg", ("Lasix", "aspirin")),
        ("- metoprolol succinate 50 mg\n- Insulin glargine 10 units qhs",
         ("metoprolol succinate", "Insulin glargine")),
        ("atorvastatin 20 mg daily, tamsulosin 0.4 mg qhs; senna",
         ("atorvastatin", "tamsulosin", "senna")),
    ],
)  # fmt: skip
def test_doses_routes_and_bullets_are_taken_off(text: str, items: tuple[str, ...]) -> None:
    assert list_items(text) == items


def test_brand_names_print_as_the_formulary_spells_them() -> None:
    notes = NoteTools(reader=READER, formulary=Formulary.load())
    record = patient(notes=(Note(text="Home Medications: Lasix 40 mg, Tylenol prn"),))
    digest = digest_record(record, notes)
    assert digest is not None
    assert digest.medications_on_admission == ("Furosemide", "Acetaminophen")


def test_the_newest_note_that_has_a_section_gives_it() -> None:
    notes = NoteTools(reader=READER, formulary=Formulary.load())
    new, old = Note(text="HPI: new story."), Note(text="HPI: old story.\nPMH: gout")
    digest = digest_record(patient(notes=(new, old)), notes)
    assert digest is not None
    assert digest.history_of_present_illness == "new story."
    assert digest.past_medical_history == "gout"


def test_no_note_no_allergy_and_no_medication_make_no_digest() -> None:
    notes = NoteTools(reader=READER, formulary=Formulary.load())
    assert digest_record(patient(notes=(Note(text="no heading here"),)), notes) is None


@given(st.text(max_size=3000))
def test_any_text_is_read_within_the_limits(text: str) -> None:
    sections = READER.read(text)
    assert len(sections.history_of_present_illness) <= MAX_SECTION_CHARS
