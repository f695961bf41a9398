"""Codes of several systems, each with one spelling, and a terminology that knows more of them."""

from collections.abc import Mapping

import pytest

from fhir_mappings.code_lookup import ATC, NDC, RXNORM, keys_of, ndc11
from fhir_mappings.formulary import Formulary


class FakeLookup:
    """A terminology of a few codes, which counts what it was asked."""

    def __init__(self, known: Mapping[tuple[str, str], tuple[str, ...]]) -> None:
        self.known = known
        self.asked: list[tuple[str, str]] = []

    def ingredients(self, system: str, code: str) -> tuple[str, ...]:
        self.asked.append((system, code))
        return self.known.get((system, code), ())

    def name(self, rxcui: str) -> str | None:
        return {"9999991": "zorblaxin"}.get(rxcui)


@pytest.fixture(scope="module")
def plain() -> Formulary:
    return Formulary.load()


@pytest.fixture
def lookup() -> FakeLookup:
    return FakeLookup(
        {
            (RXNORM, "8888881"): ("29046",),
            (RXNORM, "8888882"): ("29046", "9999991"),
            (RXNORM, "8888883"): ("9999991",),
            (RXNORM, "8888884"): ("9999992",),
            (RXNORM, "8888885"): ("11118",),  # a code that our table reads as another of ours
            (NDC, "00002140701"): ("9068",),
            (NDC, "12345067890"): ("161",),
            (NDC, "01234567890"): ("161",),
            (NDC, "11111011111"): ("161",),
            (NDC, "01111111111"): ("1191",),
            (ATC, "C09AA03"): ("29046",),
        }
    )


@pytest.mark.parametrize(
    ("code", "readings"),
    [
        ("00002-1407-01", ("00002140701",)),
        ("0002-1407-01", ("00002140701",)),
        ("50580-449-05", ("50580044905",)),
        ("50580-0449-5", ("50580044905",)),
        ("00002140701", ("00002140701",)),
        ("1234567890", ("01234567890", "12345067890", "12345678900")),
        ("0002-140-1", ()),
        ("000002-1407-01", ()),
        ("0002-14a7-01", ()),
        ("0002-1407", ()),
        ("123456789", ()),
        ("NDC", ()),
        ("\u0661" * 11, ()),
    ],
)
def test_an_ndc_has_eleven_digits_however_it_is_written(code: str, readings: tuple[str]) -> None:
    assert ndc11(code) == readings


def test_systems_have_one_spelling() -> None:
    assert keys_of("urn:oid:2.16.840.1.113883.6.69", "0002-1407-01") == ((NDC, "00002140701"),)
    assert keys_of(" http://www.whocc.no/atc/ ", "c09aa03") == ((ATC, "C09AA03"),)
    assert keys_of(RXNORM, " 161 ") == ((RXNORM, "161"),)
    assert keys_of(None, "161") == (("", "161"),)
    assert keys_of(NDC, None) == keys_of(NDC, "no ndc") == ()


@pytest.mark.parametrize(
    ("system", "code", "labels"),
    [
        (RXNORM, "8888881", ["Lisinopril"]),
        (RXNORM, "8888885", ["Valproic acid"]),
        (NDC, "0002-1407-01", ["Quinidine"]),
        (NDC, "1234567890", ["Acetaminophen"]),  # two readings are known, and agree
        (ATC, "C09AA03", ["Lisinopril"]),
    ],
)
def test_a_terminology_knows_codes_that_the_tables_lack(
    plain: Formulary, lookup: FakeLookup, system: str, code: str, labels: list[str]
) -> None:
    found = plain.with_lookup(lookup).resolve([(system, code, None)], None)

    assert [one.label for one in found.ingredients] == labels
    assert found.how == "code"
    assert plain.resolve([(system, code, None)], None).how == "unresolved"


def test_it_is_asked_only_where_the_tables_are_silent(plain: Formulary, lookup: FakeLookup) -> None:
    asking = plain.with_lookup(lookup)

    assert asking.resolve([(RXNORM, "29046", None)], None).how == "rxcui"
    assert asking.resolve([(RXNORM, "856980", None)], None).how == "code"
    assert lookup.asked == []
    asking.resolve([(RXNORM, "7777777", "aspirin")], None)
    asking.resolve([(RXNORM, "7777777", "aspirin")], None)
    assert lookup.asked == [(RXNORM, "7777777")]


def test_readings_that_disagree_leave_it_to_the_text(plain: Formulary, lookup: FakeLookup) -> None:
    found = plain.with_lookup(lookup).resolve([(NDC, "1111111111", "lisinopril 10 mg")], None)

    assert ([one.label for one in found.ingredients], found.how) == (["Lisinopril"], "name")


@pytest.mark.parametrize(
    ("code", "labels", "how", "unresolved"),
    [
        ("8888882", ["Lisinopril"], "partial", ("zorblaxin",)),
        ("8888883", [], "unresolved", ("zorblaxin",)),
        ("8888884", [], "unresolved", ("RxNorm 9999992",)),
    ],
)
def test_an_ingredient_that_we_do_not_have_is_unresolved_by_its_name(
    plain: Formulary,
    lookup: FakeLookup,
    code: str,
    labels: list[str],
    how: str,
    unresolved: tuple[str, ...],
) -> None:
    found = plain.with_lookup(lookup).resolve([(RXNORM, code, "Lisinopril 10 MG")], None)

    assert [one.label for one in found.ingredients] == labels
    assert (found.how, found.unresolved) == (how, unresolved)
