import re

from fhir_mappings.concepts import ConceptTable
from fhir_mappings.formulary import Formulary
from lamo.notes.rules import RuleReader
from tests.lamo.synthetic.cohort import coded, cohort, labels, mean

NOTED = [visit for visit in cohort() if visit.record.notes]
TEXTS = [visit.record.notes[0].text for visit in NOTED]
READER = RuleReader(Formulary.load())
ABBREVIATED = {"Hypertension": "HTN", "Heart failure": "CHF", "Atrial fibrillation": "AF"}


def test_about_two_thirds_of_the_visits_have_a_short_note() -> None:
    assert 0.58 <= len(NOTED) / len(cohort()) <= 0.72
    assert 80 <= mean(len(text.split()) for text in TEXTS) <= 140
    assert max(len(text.split()) for text in TEXTS) <= 260


def test_a_reader_finds_the_sections_in_every_hand() -> None:
    read = [READER.read(text) for text in TEXTS]
    assert all(sections.history_of_present_illness for sections in read)
    assert mean(bool(sections.past_medical_history) for sections in read) > 0.9
    assert mean(bool(sections.medications_on_admission) for sections in read) > 0.5


def test_every_note_ends_with_discharge_medications() -> None:
    for text in TEXTS:
        last = text.strip().split("\n\n")[-1].lower()
        assert "discharge" in last.splitlines()[0]


def test_headings_come_in_many_wordings() -> None:
    joined = "\n".join(TEXTS)
    for heading in ("HPI", "PMH:", "Home Medications:", "MEDICATIONS ON ADMISSION", "Home Meds\n"):
        assert heading in joined
    assert "Denies" in joined
    assert "NKDA" in joined
    assert all(short in joined for short in ABBREVIATED.values())


def test_a_note_says_where_the_patient_is() -> None:
    words = {"icu": ("ICU", "intensive care"), "inpatient": ("admitted",)}
    words["outpatient"] = ("clinic", "office", "outpatient")
    told_of = [
        any(word in text for word in words[visit.setting])
        for visit, text in zip(NOTED, TEXTS, strict=True)
    ]
    assert mean(told_of) > 0.95


def test_discharge_medications_stand_in_no_field_of_the_record() -> None:
    for visit in cohort():
        assert visit.record.ordered == ()
        home = labels(visit.record.current)
        assert not visit.prescribed or home != visit.prescribed or visit.setting == "outpatient"


def told(text: str) -> list[str]:
    """What the note lists, of all its sections, without bullets and headings."""
    items = re.split(r"[,\n]|: ", text)
    return [re.sub(r"^\s*([-*]|\d+\.)\s+", "", item) for item in items]


def test_some_chronic_conditions_stand_only_in_the_note() -> None:
    table, hidden = ConceptTable.load("conditions"), 0
    for visit, text in zip(NOTED, TEXTS, strict=True):
        found = [table.by_label(item) for item in told(text)]
        hidden += any(concept and concept.label not in coded(visit) for concept in found)
    assert 0.06 <= hidden / len(NOTED) <= 0.15


def test_home_medications_stand_in_the_list_or_in_the_note_or_in_both() -> None:
    seen = set()
    for visit in NOTED:
        read = READER.read(visit.record.notes[0].text).medications_on_admission
        seen.add((bool(visit.record.current), bool(read)))
    assert seen == {(True, True), (True, False), (False, True), (False, False)}


def test_a_visit_without_a_note_tells_its_history_in_the_lists() -> None:
    bare = [visit for visit in cohort() if not visit.record.notes]
    assert mean(bool(visit.record.current) for visit in bare) > 0.6
