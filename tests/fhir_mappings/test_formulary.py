"""The shipped tables: whole, consistent, and found by code and label."""

import csv
from collections.abc import Callable
from importlib import resources

import pytest

from fhir_mappings.formulary import (
    RXNORM,
    Formulary,
    FormularyBroken,
    UnknownIngredient,
)

FOLDER = resources.files("fhir_mappings") / "data"
FORMULARY = (FOLDER / "formulary.csv").read_bytes()
CODES = (FOLDER / "drug_codes.csv").read_bytes()
APART = [
    [
        "Potassium chloride",
        "Magnesium sulfate",
        "Calcium gluconate",
        "Sodium chloride",
        "D-glucose",
    ],
    ["Insulin glargine", "Insulin lispro", "Insulin human", "Insulin isophane"],
    ["Bisacodyl", "Senna", "Docusate", "Lactulose", "Magnesium hydroxide"],
    ["Acetylsalicylic acid", "Clopidogrel", "Heparin", "Warfarin", "Enoxaparin"],
    ["Salbutamol", "Salmeterol", "Ipratropium", "Tiotropium", "Fluticasone propionate"],
    ["Thiamine", "Folic acid", "Cyanocobalamin", "Pyridoxine", "Ascorbic acid"],
    ["Vancomycin", "Piperacillin", "Tazobactam", "Cefepime", "Metronidazole", "Levofloxacin"],
    ["Norepinephrine", "Phenylephrine", "Dopamine", "Epinephrine"],
]
TOGETHER = [
    ["Omeprazole", "Pantoprazole", "Lansoprazole"],
    ["Atorvastatin", "Simvastatin", "Rosuvastatin", "Pravastatin"],
    ["Lisinopril", "Captopril", "Enalaprilat"],
    ["Sertraline", "Citalopram", "Fluoxetine", "Escitalopram"],
    ["Lorazepam", "Diazepam", "Clonazepam", "Midazolam"],
    ["Ibuprofen", "Naproxen", "Meloxicam", "Ketorolac"],
    ["Famotidine", "Ranitidine"],
]


@pytest.fixture(scope="module")
def formulary() -> Formulary:
    return Formulary.load()


def test_the_candidates_are_the_vocabulary_and_common_outpatient_ones(formulary: Formulary) -> None:
    labels = [entry.label for entry in formulary.candidates]

    assert len(labels) == len(set(labels)) == 211
    assert labels[:3] == ["Acetaminophen", "Potassium chloride", "Pantoprazole"]
    assert {"Metformin", "Apixaban", "Verapamil"} <= set(labels)


@pytest.mark.parametrize(
    ("label", "rxcui"),
    [
        ("Acetylsalicylic acid", "1191"),
        ("Metformin", "6809"),
        ("Lisinopril", "29046"),
        ("Salbutamol", "435"),
        ("Phylloquinone", "8308"),
        ("Tetracosactide", "2890"),
        ("D-glucose", "4850"),
        ("Glycopyrronium", "4955"),
        ("Apixaban", "1364430"),
        ("Empagliflozin", "1545653"),
    ],
)
def test_a_label_has_its_rxnorm_ingredient(formulary: Formulary, label: str, rxcui: str) -> None:
    assert formulary.by_label(label).rxcui == rxcui
    assert formulary.entry(rxcui).ingredient.label == label


@pytest.mark.parametrize("labels", APART, ids=lambda labels: labels[0])
def test_what_is_properly_given_together_shares_no_class(
    formulary: Formulary, labels: list[str]
) -> None:
    classes = [formulary.by_label(label).drug_class for label in labels]

    assert len(set(classes)) == len(classes)


@pytest.mark.parametrize("labels", TOGETHER, ids=lambda labels: labels[0])
def test_two_of_one_kind_share_a_class(formulary: Formulary, labels: list[str]) -> None:
    assert len({formulary.by_label(label).drug_class for label in labels}) == 1


@pytest.mark.parametrize("label", ["Chlorhexidine", "Miconazole", "Nystatin"])
def test_a_local_medication_is_not_systemic(formulary: Formulary, label: str) -> None:
    assert not formulary.by_label(label).systemic


def test_every_ingredient_is_found_by_its_code_and_by_each_of_its_names(
    formulary: Formulary,
) -> None:
    for entry in formulary.entries:
        by_code = formulary.resolve([(RXNORM, entry.rxcui, None)], None)
        assert (by_code.ingredients, by_code.how) == ((entry.ingredient,), "rxcui")
        for name in entry.names:
            assert formulary.resolve([], name).ingredients == (entry.ingredient,), name


def test_every_product_of_the_table_is_found(formulary: Formulary) -> None:
    for row in csv.DictReader(CODES.decode().splitlines()):
        found = formulary.resolve([(row["system"], row["code"], row["display"])], None)
        assert [i.rxcui for i in found.ingredients] == row["ingredient_rxcuis"].split("|"), row


def test_an_unknown_code_or_label_says_where_to_look(formulary: Formulary) -> None:
    with pytest.raises(UnknownIngredient, match=r"'999'.*add a row to"):
        formulary.entry("999")
    with pytest.raises(UnknownIngredient, match=r"'lisinopril'.*case-sensitive"):
        formulary.by_label("lisinopril")


def test_the_version_changes_with_either_table(formulary: Formulary) -> None:
    changed = Formulary.from_tables(FORMULARY.replace(b"Glucophage", b"Glucofage"), CODES)

    assert len(formulary.version) == 12
    assert formulary.version == Formulary.load().version != changed.version


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda table: table[:-1], "ends in the middle of a line"),
        (lambda table: table.replace(b"rxcui,", b"code,", 1), "has the columns"),
        (lambda table: table + b"1,two\n", "has 2 values; wanted are 9"),
        (lambda table: table + b"161,Other,other,,,c,A x,no,yes\n", "rxcui '161' twice"),
        (lambda table: table + b"1,Aspirin,aspirin,,,c,A x,no,yes\n", "'Aspirin' stands for"),
        (lambda table: table + b"1,Foo,foo,,,,A x,no,yes\n", "has no drug_class"),
        (lambda table: table + b"1,Foo,foo,,,c,A x,maybe,yes\n", "write yes or no"),
    ],
)
def test_a_formulary_that_cannot_be_trusted_is_refused(
    spoil: Callable[[bytes], bytes], message: str
) -> None:
    with pytest.raises(FormularyBroken, match=message):
        Formulary.from_tables(spoil(FORMULARY), CODES)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (b"1,s,Some pack,\n", "at least one"),
        (b"1,s,Some pack,999999\n", "each a rxcui"),
        (b",name,Augmentin,161\n", "'Augmentin' twice"),
    ],
)
def test_a_product_without_known_ingredients_is_refused(row: bytes, message: str) -> None:
    with pytest.raises(FormularyBroken, match=message):
        Formulary.from_tables(FORMULARY, CODES + row)
