from importlib.resources import files

import pytest

from fhir_mappings.allergy_codes import AllergyCodes, AllergyCodesBroken, code_words
from medication_safety.knowledge import Knowledge
from tests.fhir_mappings.calls import RXNORM, SNOMED, tables

SHIPPED = (files("fhir_mappings") / "data" / "allergy_codes.csv").read_bytes()
HEADER = SHIPPED.splitlines(keepends=True)[0]
# the table of a Verhoeff check digit, which ends every SNOMED CT identifier
ROTATE = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)


def permuted(digit: int, times: int) -> int:
    for _ in range(times % 8):
        digit = ROTATE[digit]
    return digit


def combined(one: int, other: int) -> int:
    turned = one + other if one < 5 else one - other
    flip = (one < 5) != (other < 5)
    return turned % 5 + 5 * flip


def is_snomed(code: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(code)):
        total = combined(total, permuted(int(digit), place))
    return total == 0


def test_every_snomed_code_has_its_check_digit() -> None:
    codes = [row.split(",")[1] for row in SHIPPED.decode().splitlines() if row.startswith(SNOMED)]
    assert len(codes) > 200
    assert [code for code in codes if not is_snomed(code)] == []
    assert not is_snomed("387364006")


def test_every_class_is_one_that_the_rules_know() -> None:
    knowledge = Knowledge.load()
    classes = {row.substance_class for row in tables().allergy_codes.all} - {None}
    assert all(knowledge.recorded_groups(name or "") for name in classes)


def test_a_name_in_the_table_says_what_its_code_means() -> None:
    formulary = tables().formulary
    for row in tables().allergy_codes.all:
        told = [one.rxcui for one in formulary.resolve([], row.display).ingredients]
        assert told == list(row.rxcuis), row.display


@pytest.mark.parametrize(
    "row",
    [
        b"http://snomed.info/sct,1,Two things,penicillins,723,x\n",
        b"http://snomed.info/sct,1,Nothing,,,x\n",
        b"http://snomed.info/sct,1,No source,penicillins,,\n",
        b"http://snomed.info/sct,1,Unknown,,999999999,x\n",
        b"http://snomed.info/sct,1,Cut short,penicillins,,x",
    ],
)
def test_a_table_that_cannot_be_trusted_is_refused(row: bytes) -> None:
    with pytest.raises(AllergyCodesBroken):
        AllergyCodes.from_bytes(HEADER + row, {"723"})


def test_codes_are_named_as_a_person_would_look_them_up() -> None:
    codings = [(RXNORM, "70618", None), ("urn:oid:1.2.3", "P", None), (None, "Q", None)]
    assert code_words(codings) == "RxNorm 70618, 1.2.3 P"
    assert code_words(codings[2:]) == "code Q"
