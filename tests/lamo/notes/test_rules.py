"""The reader by rules: headings, lists, and what stands in running text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_mappings.formulary import Formulary
from lamo.notes.rules import MAX_ITEMS, MAX_SECTION_CHARS, RuleReader

READER = RuleReader(Formulary.load())


def home(text: str) -> tuple[str, ...]:
    return tuple(found.name for found in READER.read(text).medications_on_admission)


def allergies(text: str) -> tuple[str, ...]:
    return tuple(found.name for found in READER.read(text).allergies)


@pytest.mark.parametrize(
    "heading",
    [
        "Medications on Admission:",
        "MEDICATIONS ON ADMISSION",
        "Home Medications:",
        "Home meds:",
        "**Current Medications:**",
        "Admission Medications - ",
        "## Home Medications",
        "Meds PTA:",
        "DHx:",
        "OUTPT RX.",
        "Prior to Admission medications",
        "Active Outpatient Medications (including Supplies):",
        "What she takes at home:",
        "Home Medications Continued",
    ],
)
def test_heading_variants_introduce_the_home_medications(heading: str) -> None:
    assert home(f"HPI: well.\n\n{heading}\nlisinopril 10 mg daily\n") == ("lisinopril",)


@pytest.mark.parametrize(
    "text",
    [
        "ALLERGIES: sulfa, latex\nHOME MEDS: aspirin\nHPI: fell at home.",
        "Allergies:\n- sulfa\n- latex\n\nHome Medications:\n- aspirin 81 mg\n\nHPI\nfell at home.",
        "HPI: fell at home. Allergies: sulfa, latex. Home meds: aspirin.",
        "hpi: fell at home.\nall: sulfa (rash); latex\nmeds: aspirin 81 mg po qd",
        "ALLERGIES\nSulfa\nLatex\nMEDICATIONS\nAspirin\nHISTORY OF PRESENT ILLNESS\nfell at home.",
    ],
)
def test_sections_are_found_in_any_order_and_layout(text: str) -> None:
    sections = READER.read(text)
    assert [one.name.lower() for one in sections.allergies] == ["sulfa", "latex"]
    assert [one.name.lower() for one in sections.medications_on_admission] == ["aspirin"]
    assert sections.history_of_present_illness.rstrip(".") == "fell at home"
    assert sections.past_medical_history == ""


def test_a_section_that_comes_twice_is_read_twice() -> None:
    text = "Allergies: sulfa\nPMH: gout\nPMH: asthma\nAllergies: latex"
    sections = READER.read(text)
    assert allergies(text) == ("sulfa", "latex")
    assert sections.past_medical_history == "gout asthma"


def test_the_hospital_course_belongs_to_no_section() -> None:
    sections = READER.read("HPI: cough.\nHospital Course:\nGiven ceftriaxone.\n")
    assert sections.history_of_present_illness == "cough."
    assert sections.medications_on_admission == ()


@pytest.mark.parametrize(
    "heading", ["Discharge Medications:", "TTO", "Meds @ d/c:", "Medications to continue at home:"]
)
def test_discharge_medications_are_thrown_away(heading: str) -> None:
    assert (
        READER.read(f"HPI: cough.\n\n{heading}\n- warfarin 5 mg\n").medications_on_admission == ()
    )


@pytest.mark.parametrize(
    "text",
    [
        "None", "NKDA", "No known drug allergies.", "n/a", "denies any allergies", "NKA.",
        "No Known Allergies", "She has no known drug allergies.", "none known to medications",
        "Nil known", "Denies latex, shellfish or dye reactions.",
    ],
)  # fmt: skip
def test_no_known_allergies_are_no_allergy(text: str) -> None:
    assert allergies(f"Allergies: {text}\nPMH: gout") == ()


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("penicillin (hives), codeine - nausea", ("penicillin", "codeine")),
        ("No known drug allergies except penicillin", ("penicillin",)),
        ("She is allergic to sulfa, which causes hives, but tolerates furosemide.", ("sulfa",)),
        ("Penicillin causes hives and morphine makes her vomit.", ("Penicillin", "morphine")),
        ("- Lisinopril: cough\n- Bananas -- itchy mouth", ("Lisinopril", "Bananas")),
        ("latex......contact urticaria, gloves\nkiwi   itchy mouth", ("latex", "kiwi")),
        ("| Substance | Reaction |\n|---|---|\n| amoxicillin | rash, hives |", ("amoxicillin",)),
        ("Substance: peanut    Reaction: Wheal    Severity: Moderate", ("peanut",)),
        ("?penicillin as a child", ("penicillin",)),
        ("codeine. Mother is allergic to penicillin.", ("codeine",)),
        ("Clopidogrel: entered in error\nLatex", ("Latex",)),
    ],
)
def test_reactions_denials_and_relatives_are_no_allergies(
    text: str, names: tuple[str, ...]
) -> None:
    assert allergies(f"Allergies:\n{text}\n\nPMH: gout") == names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("He is allergic to codeine.", ("codeine",)),
        ("She came out in hives with ciprofloxacin two years ago.", ("ciprofloxacin",)),
        ("Ramipril swelled his tongue.", ("Ramipril",)),
        ("He cannot take metoclopramide.", ("metoclopramide",)),
        ("Haloperidol made him stiff; please list it as not tolerated.", ("Haloperidol",)),
        ("His wife adds that he had hives from the IV contrast.", ("IV contrast",)),
        ("No allergy to latex. Not allergic to penicillin.", ()),
        ("Her sister is allergic to penicillin.", ()),
        ("Denies allergies to penicillin or sulfa.", ()),
    ],
)
def test_allergies_in_running_text(text: str, names: tuple[str, ...]) -> None:
    assert allergies(f"HPI: Seen for a cough. {text}") == names


def test_a_relatives_allergy_in_the_family_history_is_none_of_the_patient() -> None:
    assert allergies("Family History: Penicillin allergy - mother. Sister: hives with sulfa.") == ()


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("1. Lasix 40 mg po daily\n2. aspirin 81mg", ("Lasix", "aspirin")),
        ("- metoprolol succinate 50 mg\n- Insulin glargine 10 units qhs",
         ("metoprolol succinate", "Insulin glargine")),
        ("atorvastatin 20 mg daily, tamsulosin 0.4 mg qhs; senna",
         ("atorvastatin", "tamsulosin", "senna")),
        ("Lasix (furosemide) 40 mg daily", ("Lasix",)),
        ("Cenobamate 200 mg daily, Zyxxo 5 mg bid", ("Cenobamate", "Zyxxo")),
        ("She takes lisinopril 20 mg daily, a baby aspirin and fish oil.",
         ("lisinopril", "aspirin", "fish oil")),
        ("aspirin. Warfarin was stopped in May.", ("aspirin",)),
        ("metformin (on hold), aspirin", ("metformin", "aspirin")),
        ("None. Denies NSAIDs, aspirin or herbals.", ()),
        ("| Drug | Dose |\n|---|---|\n| Humalog | via pump |", ("Humalog",)),
        ("methotrexate......15 mg weekly\nfolic acid......1 mg daily",
         ("methotrexate", "folic acid")),
        ("Wife brings her own warfarin.", ()),
    ],
)  # fmt: skip
def test_doses_routes_bullets_and_what_was_stopped_are_taken_off(
    text: str, items: tuple[str, ...]
) -> None:
    assert home(f"Home Medications:\n{text}\n\nPlan: start heparin") == items


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("He takes warfarin for a valve.", ("warfarin",)),
        ("She has been swallowing pseudoephedrine for a cold.", ("pseudoephedrine",)),
        ("He was given ceftriaxone in the ED.", ()),
        ("Denies taking aspirin.", ()),
        ("His mother takes warfarin.", ()),
        ("He was on amiodarone until March.", ()),
        ("She takes no vitamins for her vitamin D deficiency.", ()),
    ],
)
def test_home_medications_in_running_text(text: str, items: tuple[str, ...]) -> None:
    assert home(f"HPI: Seen for a cough. {text}") == items


def test_the_list_of_a_health_record_is_read_line_by_line() -> None:
    table = (
        "Medication Sig Start Date Taking? Authorizing Provider\n"
        "donepezil (ARICEPT) 10 mg tablet Take 10 mg nightly. Yes Provider, Historical, MD\n"
        "alendronate (FOSAMAX) 70 mg tablet Take 70 mg every 7 days. Yes Provider, Historical, MD\n"
        "acetaminophen (TYLENOL) 325 mg tablet Take 650 mg by mouth every 6 hours for pain. Yes"
    )
    items = home(f"Prior to Admission medications\n{table}\n\nRecs: switch to cefazolin 2 g q8h")
    assert items == ("donepezil", "alendronate", "acetaminophen")


def test_every_item_stands_where_it_says() -> None:
    text = "Allergies: penicillin (hives)\nHome meds: Lasix 40 mg, caf\u00e9ine 10 mg"
    sections = READER.read(text)
    for found in (*sections.allergies, *sections.medications_on_admission):
        assert text[found.start : found.end] == found.name
        assert found.name in found.quote
    assert sections.allergies[0].quote == "Allergies: penicillin (hives)"


def test_what_is_longer_than_a_digest_takes_is_said_to_be_cut() -> None:
    long = READER.read("HPI: " + "He fell again. " * 60 + "\nHome meds: " + "\n".join(
        f"Zyx{n}abc 10 mg" for n in range(MAX_ITEMS + 5)))  # fmt: skip
    assert len(long.history_of_present_illness) <= MAX_SECTION_CHARS
    assert len(long.medications_on_admission) == MAX_ITEMS
    assert long.cut == {"history_of_present_illness", "medications_on_admission"}


@pytest.mark.parametrize(
    "text", ["allergic to aspirin " * 5000, "HPI: " + "well. " * 60_000, "Allergies: nuts\n" * 9000]
)
def test_what_no_person_writes_is_cut_and_said_to_be(text: str) -> None:
    assert "allergies" in READER.read(text).cut


@given(st.text(max_size=3000))
def test_any_text_is_read_within_the_limits(text: str) -> None:
    sections = READER.read(text)
    assert len(sections.history_of_present_illness) <= MAX_SECTION_CHARS
    for found in (*sections.allergies, *sections.medications_on_admission):
        assert 0 <= found.start < found.end <= len(text)
