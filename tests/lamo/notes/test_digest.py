"""From readings of notes to the four parts of the prompt."""

from fhir_mappings.formulary import Formulary
from fhir_mappings.record import Allergy, Note
from lamo.notes.digest import digest_record
from lamo.notes.rules import rule_tools
from tests.lamo.records import patient

TOOLS = rule_tools(Formulary.load())


def test_brand_names_print_as_the_formulary_spells_them() -> None:
    record = patient(notes=(Note(text="Home Medications: Lasix 40 mg, Tylenol prn"),))
    digest = digest_record(record, TOOLS)
    assert digest is not None
    assert digest.medications_on_admission == ("Furosemide", "Acetaminophen")


def test_the_newest_note_that_has_a_section_gives_it() -> None:
    new, old = Note(text="HPI: new story."), Note(text="HPI: old story.\nPMH: gout")
    digest = digest_record(patient(notes=(new, old)), TOOLS)
    assert digest is not None
    assert digest.history_of_present_illness == "new story."
    assert digest.past_medical_history == "gout"


def test_an_allergy_of_an_older_note_is_not_lost_to_a_newer_one() -> None:
    new, old = Note(text="Allergies: latex"), Note(text="Allergies: penicillin (hives)")
    digest = digest_record(patient(notes=(new, old)), TOOLS)
    assert digest is not None
    assert digest.allergies == ("latex", "penicillin")


def test_an_allergy_that_a_note_spells_otherwise_is_one() -> None:
    note = Note(text="Allergies: penicillin")
    record = patient(allergies=(Allergy(display="Penicillin"),), notes=(note,))

    digest = digest_record(record, TOOLS)

    assert digest is not None
    assert digest.allergies == ("Penicillin",)


def test_no_note_no_allergy_and_no_medication_make_no_digest() -> None:
    assert digest_record(patient(notes=(Note(text="no heading here"),)), TOOLS) is None
