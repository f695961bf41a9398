import json

import pytest

from fhir_mappings.record import Medication
from medication_safety.reading import KnowledgeError, shipped
from medication_safety.taper import FILE, TaperTable
from tests.medication_safety.charts import FORMULARY, ingredient, taken

TABLE = TaperTable.load()


@pytest.mark.parametrize(
    ("label", "word"),
    [
        ("Metoprolol", "chest pain"),
        ("Lorazepam", "seizures"),
        ("Zolpidem", "sleeplessness"),
        ("Oxycodone", "withdrawal"),
        ("Prednisone", "adrenal"),
        ("Levetiracetam", "seizures"),
        ("Gabapentin", "withdrawal"),
        ("Sertraline", "dizziness"),
        ("Venlafaxine", "dizziness"),
        ("Amitriptyline", "nausea"),
        ("Clonidine", "blood pressure"),
        ("Baclofen", "spasms"),
        ("Levodopa", "stiffness"),
        ("Clozapine", "psychosis"),
        ("Quetiapine", "symptoms"),
        ("Omeprazole", "rebound"),
    ],
)
def test_what_harms_when_stopped_abruptly_has_a_sentence(label: str, word: str) -> None:
    caution = TABLE.caution_of(taken(label))

    assert caution is not None
    assert word in caution.sentence
    assert "consider" in caution.sentence
    assert caution.sentence.endswith(".")
    assert caution.sentence.count(".") == 1


@pytest.mark.parametrize("label", ["Lisinopril", "Simvastatin", "Amoxicillin", "Metformin"])
def test_what_may_just_be_stopped_has_none(label: str) -> None:
    assert TABLE.caution_of(taken(label)) is None


@pytest.mark.parametrize(
    ("label", "display", "warned"),
    [
        ("Timolol", "Timolol 0.5 % Ophthalmic Solution", False),
        ("Timolol", "Timolol 10 MG Oral Tablet", True),
        ("Hydrocortisone", "Hydrocortisone 1 % Topical Cream", False),
        ("Hydrocortisone", "Hydrocortisone 10 MG Oral Tablet", True),
    ],
)
def test_a_local_form_needs_no_caution(label: str, display: str, warned: bool) -> None:
    assert (TABLE.caution_of(taken(label, display)) is not None) == warned


def test_the_worst_of_a_combination_is_said() -> None:
    both = Medication(
        display="two", ingredients=(ingredient("Omeprazole"), ingredient("Clonidine"))
    )

    assert TABLE.caution_of(both) == TABLE.caution_of(taken("Clonidine"))


def test_the_harmful_stand_before_the_mild() -> None:
    degrees = [one.degree for one in TABLE.cautions]

    assert degrees == sorted(degrees, key=lambda degree: degree != "harm")
    assert {"harm", "mild"} == set(degrees)


def test_an_unresolved_medication_has_none() -> None:
    assert TABLE.caution_of(Medication(display="some tablet")) is None


def test_every_ingredient_is_in_the_formulary() -> None:
    codes = {code for members in TABLE.drugs.values() for code in members}

    assert codes <= {entry.rxcui for entry in FORMULARY.entries}


@pytest.mark.parametrize("cut", [10, 3000])
def test_a_table_that_is_half_read_is_refused(cut: int) -> None:
    with pytest.raises(KnowledgeError, match=FILE):
        TaperTable.from_bytes(shipped(FILE)[:cut])


def test_a_group_that_is_not_there_is_refused() -> None:
    table = json.loads(shipped(FILE))
    table["cautions"][0]["drugs"] = ["nobody"]

    with pytest.raises(KnowledgeError, match="no table has: nobody"):
        TaperTable.from_bytes(json.dumps(table).encode())
