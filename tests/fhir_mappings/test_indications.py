from fhir_mappings.concepts import ConceptTable
from fhir_mappings.formulary import Formulary
from fhir_mappings.indications import Indications

INDICATIONS = Indications.load()


def test_metformin_is_given_for_type_2_diabetes() -> None:
    assert "Type 2 diabetes mellitus" in INDICATIONS.for_label("Metformin")


def test_a_medication_without_a_row_has_no_indications() -> None:
    assert INDICATIONS.for_label("Unobtainium") == ()


def test_every_candidate_has_an_indication() -> None:
    candidates = [entry.label for entry in Formulary.load().candidates]
    assert [label for label in candidates if not INDICATIONS.for_label(label)] == []


def test_every_row_names_a_known_medication_and_concept() -> None:
    medications = {entry.label for entry in Formulary.load().candidates}
    concepts = {c.label for c in ConceptTable.load("conditions").concepts}
    concepts |= {c.label for c in ConceptTable.load("procedures").concepts}
    assert {row.medication for row in INDICATIONS.rows} <= medications
    assert {row.given for row in INDICATIONS.rows} <= concepts


def test_settings_and_bases_are_from_the_short_lists() -> None:
    assert {row.setting for row in INDICATIONS.rows} <= {"any", "inpatient", "outpatient", "icu"}
    assert {row.basis for row in INDICATIONS.rows} <= {"label", "guideline", "common use"}


def test_no_indication_is_listed_twice() -> None:
    pairs = [(row.medication, row.given) for row in INDICATIONS.rows]
    assert len(pairs) == len(set(pairs))
