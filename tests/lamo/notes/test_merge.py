"""What only a note tells: checked, shown as evidence, and a gap."""

from datetime import date

from fhir_mappings.formulary import Formulary
from fhir_mappings.record import Allergy, Gap
from lamo.notes.merge import ReadNote, with_notes
from lamo.notes.rules import RuleReader
from tests.lamo.records import medication, patient

FORMULARY = Formulary.load()
READER = RuleReader(FORMULARY)


def read(text: str, reference: str = "DocumentReference/d1") -> ReadNote:
    return ReadNote(
        sections=READER.read(text),
        reader=READER.name,
        reference=reference,
        dated=date(2026, 2, 1),
    )


def kinds(gaps: tuple[Gap, ...]) -> list[str]:
    return [gap.kind for gap in gaps]


def penicillin() -> Allergy:
    return Allergy(display="Penicillin", substance_class="penicillins", reference="A/a1")


def test_an_allergy_that_only_a_note_tells_of_is_checked_with_the_notes_words() -> None:
    record, gaps = with_notes(patient(), [read("Allergies: amoxicillin (hives)")], FORMULARY)
    (found,) = record.allergies
    assert [one.label for one in found.ingredients] == ["Amoxicillin"]
    assert found.fact.reference == "DocumentReference/d1"
    assert found.fact.quote == "Allergies: amoxicillin (hives)"
    assert found.fact.dated == date(2026, 2, 1)
    assert kinds(gaps) == ["allergy-only-in-note"]
    assert not gaps[0].shown


def test_an_allergy_that_the_record_has_is_not_told_twice() -> None:
    notes = [read("Allergies: penicillin"), read("ALL: PENICILLIN (rash)", "DocumentReference/d2")]
    record, gaps = with_notes(patient(allergies=(penicillin(),)), notes, FORMULARY)
    assert record.allergies == (penicillin(),)
    assert gaps == ()


def test_allergies_of_all_notes_count_once_each() -> None:
    notes = [read("Allergies: latex gloves"), read("Allergies: latex, sulfa")]
    record, _ = with_notes(patient(), notes, FORMULARY)
    assert [one.display for one in record.allergies] == ["latex", "sulfa"]


def test_a_substance_that_we_do_not_know_is_shown_only_beside_an_order() -> None:
    note = read("Allergies: xyzzymab (rash)")
    _, gaps = with_notes(patient(), [note], FORMULARY)
    assert [gap.shown for gap in gaps if gap.kind == "allergy-unresolved"] == [False]
    ordered = patient(ordered=(medication(FORMULARY, "Ibuprofen"),))
    _, gaps = with_notes(ordered, [note], FORMULARY)
    assert [gap.shown for gap in gaps if gap.kind == "allergy-unresolved"] == [True]
    _, gaps = with_notes(ordered, [read("Allergies: kiwi")], FORMULARY)
    assert "allergy-unresolved" not in kinds(gaps)


def test_a_home_medication_that_nobody_ordered_is_a_gap_and_no_warning() -> None:
    record = patient(current=(medication(FORMULARY, "Furosemide"),))
    told, gaps = with_notes(record, [read("Home meds: Lasix 40 mg, warfarin")], FORMULARY)
    assert told.current == record.current
    assert kinds(gaps) == ["medication-only-in-note"]
    assert "warfarin" in gaps[0].meaning
