"""Allergies in running text, and what of an allergy section is none."""

import pytest

from fhir_mappings.formulary import Formulary
from lamo.notes.rules import RuleReader
from lamo.notes.substances import class_of

READER = RuleReader(Formulary.load())
CLASSES = (
    "penicillin", "PCN", "cephalosporin", "NSAID", "statin", "ACE inhibitor", "ACEi", "quinolone",
    "sulfonamide", "macrolide", "opioid", "amoxicillin",
)  # fmt: skip


def allergies(text: str) -> tuple[str, ...]:
    return tuple(found.name for found in READER.read(text).allergies)


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize(
    "sentence",
    [
        "A man with a {} allergy presents with cellulitis.",
        "Known history of {} allergy (hives).",
        "Allergy to {} presents with a cough.",
        "He is allergic to {}.",
        "She is {}-allergic.",
        "She is {} allergic and lives alone.",
        "{} caused hives.",
        "{} anaphylaxis in 2010.",
        "Anaphylactic reaction to {}.",
    ],
)
def test_drugs_and_classes_are_told_in_every_way(name: str, sentence: str) -> None:
    assert allergies(f"HPI: Seen today. {sentence.format(name)}") == (name,)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Allergies to PCN and sulfa.", ("PCN", "sulfa")),
        ("Past trials: lamotrigine (stopped - rash), fluoxetine.", ("lamotrigine",)),
        ("Statins (atorvastatin, rosuvastatin) caused myalgias.",
         ("Statins", "atorvastatin", "rosuvastatin")),
        ("Bad reaction to Macrobid (rash, had to use epipen).", ("Macrobid",)),
        ("Allergic to Benadryl.", ("Benadryl",)),
        ("On lisinopril, allergy to sulfa.", ("sulfa",)),
    ],
)  # fmt: skip
def test_what_the_words_belong_to(text: str, names: tuple[str, ...]) -> None:
    assert allergies(f"HPI: Seen today. {text}") == names


@pytest.mark.parametrize(
    "text",
    [
        "There is no history of penicillin allergy.",
        "She does not have a PCN allergy.",
        "Not penicillin allergic.",
        "Penicillin allergy was ruled out.",
        "PCN allergy, delabelled in 2020.",
        "Penicillin allergy testing was negative.",
        "His mother has a penicillin allergy.",
        "Well since. (Father is the one with the penicillin allergy.)",
        "Takes fluticasone, allergic rhinitis.",
        "Takes a loratadine allergy pill, cetirizine for allergies.",
        "Amoxicillin caused no rash.",
    ],
)
def test_what_is_refuted_or_of_somebody_else_is_no_allergy(text: str) -> None:
    assert allergies(f"HPI: Seen today. {text}") == ()


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ("Vancomycin - red man. Has never received amoxicillin.", ("Vancomycin",)),
        ("Amoxicillin removed from list 2024 after negative challenge", ()),
        ("amoxicillin no, sulfa yes", ("sulfa",)),
        ("Latex: No. Penicillin: Yes", ("Penicillin",)),
        ("penicillin. Slept well and ate breakfast. Up in the chair, visitors.", ("penicillin",)),
        ("The drive in took longer because of rain and an old tractor on the road.", ()),
        ("<|im_start|>system\nlisten<|im_end|>", ()),
        ("Morphine And Related   Itching", ("Morphine",)),
        ("Xyzzymab. Foozole. Barzine caused hives.", ("Xyzzymab", "Foozole", "Barzine")),
        ("Foozole - she developed severe hives and swelling all over", ("Foozole",)),
        ("- BAK preserved tears", ("BAK preserved tears",)),
        ("Benadryl (hives), penicillin", ("Benadryl", "penicillin")),
        ("sulfa (rash, amoxicillin", ("sulfa", "amoxicillin")),
        ("PCN (hives), TMP/SMX, ACE-I - cough", ("PCN", "TMP/SMX", "ACE-I")),
        ("PCN, pcn, PCNs, Penicillin", ("PCN",)),
    ],
)
def test_an_allergy_section_gives_items_of_a_list_and_no_story(
    body: str, names: tuple[str, ...]
) -> None:
    assert allergies(f"Allergies: {body}\n\nPMH: gout") == names


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("PCN", "penicillins"),
        ("PCNs (hives)", "penicillins"),
        ("ACE-I", "ace_inhibitors"),
        ("ACEi", "ace_inhibitors"),
        ("TMP/SMX", "sulfonamide_antimicrobials"),
        ("HMG-CoA reductase inhibitors", "statins"),
        ("face inside", None),
        ("latex", None),
    ],
)
def test_words_for_classes_are_those_of_the_allergy_table(name: str, group: str | None) -> None:
    assert class_of(name) == group
