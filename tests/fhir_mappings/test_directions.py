"""What the dosages of an order add to its name: a coded route, and "as needed"."""

from typing import Any

import pytest

from tests.fhir_mappings.calls import SNOMED, map_call, request

EYE = {"route": {"coding": [{"system": SNOMED, "code": "54485002"}]}}
EITHER_EYE = {"route": {"text": "Both Eyes"}}
TOPICAL = {"route": {"coding": [{"system": SNOMED, "code": "6064005", "display": "Topical"}]}}
MOUTH = {"route": {"coding": [{"display": "Oral route"}]}}
UNKNOWN = {"route": {"coding": [{"system": SNOMED, "code": "1"}], "text": "as the ward does"}}


def directions(text: str, *dosages: Any) -> str | None:
    record, _ = map_call(request(text, dosageInstruction=list(dosages)))
    return record.current[0].directions


@pytest.mark.parametrize(
    ("dosage", "expected"),
    [
        (EYE, "ophthalmic"),
        (EITHER_EYE, "Both Eyes"),
        (MOUTH, "Oral route"),
        (UNKNOWN, None),
        ({"asNeededBoolean": True}, "as needed"),
        ({"asNeededBoolean": False}, None),
        ({"asNeededCodeableConcept": {"text": "pain"}}, "as needed"),
        ({"text": "1 drop PRN"} | EYE, "ophthalmic, as needed"),
        ({"text": "one tablet daily for eye pressure"}, None),
    ],
)
def test_a_dosage_adds_a_route_and_that_it_is_as_needed(dosage: Any, expected: str) -> None:
    assert directions("Timolol 0.5 %", dosage) == expected


@pytest.mark.parametrize("name", ["Timolol 10 MG Oral Tablet", "Rivastigmine 4.6 MG patch"])
def test_a_name_that_says_its_form_is_believed_before_the_route(name: str) -> None:
    assert directions(name, TOPICAL) is None


def test_dosages_that_do_not_agree_add_nothing() -> None:
    assert directions("Timolol", EYE, MOUTH) is None
    assert directions("Diclofenac", {"asNeededBoolean": True}, {"text": "one at night"}) is None


def test_no_dosage_adds_nothing() -> None:
    assert directions("Timolol") is None
