import pytest

from fhir_mappings.concepts import ConceptTable
from fhir_mappings.formulary import Formulary
from lamo.synthetic.prescribing import AGE_AND_SEX
from lamo.synthetic.tables import cells, read_table

CONCEPTS = {c.label for c in ConceptTable.load("conditions").concepts} | {
    c.label for c in ConceptTable.load("procedures").concepts
}
MEDICATIONS = {entry.label for entry in Formulary.load().candidates}


@pytest.mark.parametrize("table", ["effects", "preferences", "contraindications"])
def test_every_reason_is_a_known_concept(table: str) -> None:
    assert {row["given"] for row in read_table(table)} <= CONCEPTS | set(AGE_AND_SEX)


@pytest.mark.parametrize("table", ["chronic", "acute", "procedures", "complaints"])
def test_every_condition_is_a_known_concept(table: str) -> None:
    assert {row["label"] for row in read_table(table)} <= CONCEPTS


def test_regimens_are_made_of_all_candidates_and_nothing_else() -> None:
    parts = {part for row in read_table("medications") for part in cells(row["ingredients"])}
    assert parts == MEDICATIONS


def test_every_effect_and_preference_is_on_something_that_exists() -> None:
    rows = read_table("medications")
    assert {row["choice"] for row in read_table("effects")} <= {row["choice"] for row in rows}
    regimens = {row["regimen"] for row in rows}
    assert {row["regimen"] for row in read_table("preferences")} <= regimens
    assert {row["regimen"] for row in read_table("strengths")} <= regimens


def test_what_allergies_and_contraindications_rule_out_are_candidates() -> None:
    blocked = {part for row in read_table("allergies") for part in cells(row["blocks"])}
    blocked |= {row["medication"] for row in read_table("contraindications")}
    assert blocked <= MEDICATIONS


def test_links_join_chronic_conditions_in_their_order() -> None:
    order = [row["label"] for row in read_table("chronic")]
    for row in read_table("links"):
        assert order.index(row["cause"]) < order.index(row["effect"]), row


def test_procedures_are_given_earlier_procedures_or_conditions() -> None:
    names = {row["label"] for row in read_table("procedures")}
    given = {part.rsplit(" ", 1)[0] for r in read_table("procedures") for part in cells(r["given"])}
    assert given - names <= CONCEPTS
