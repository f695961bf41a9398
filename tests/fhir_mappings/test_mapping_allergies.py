import pytest

from fhir_mappings.allergies import substance_class, substance_words
from tests.fhir_mappings.calls import RXNORM, SNOMED, allergy, ingredients, kinds, map_call, state


def test_an_allergy_is_resolved_by_code_or_by_name() -> None:
    by_code = {"coding": [{"system": RXNORM, "code": "1191", "display": "Aspirin"}]}
    record, gaps = map_call(
        allergy(None, code=by_code), allergy("Allergy to lisinopril (finding)", id="a2")
    )
    assert ingredients(record.allergies) == [["Acetylsalicylic acid"], ["Lisinopril"]]
    assert gaps == ()


def test_the_substance_of_a_reaction_counts() -> None:
    reaction = {"substance": {"text": "Codeine"}, "manifestation": [{"text": "Hives"}]}
    record, _ = map_call(allergy(None, reaction=[reaction], criticality="high", type="intolerance"))
    found = record.allergies[0]
    assert ingredients([found]) == [["Codeine"]]
    assert (found.criticality, found.reactions, found.is_intolerance) == ("high", ("Hives",), True)


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("Penicillin class", "penicillins"),
        ("Allergy to penicillin (finding)", "penicillins"),
        ("Sulfonamide", "sulfonamide_antimicrobials"),
        ("Product containing sulfonamide (product)", "sulfonamide_antimicrobials"),
        ("NSAIDs", "nsaids_cox1"),
        ("Statins", "statins"),
        ("Sulfamethoxazole", None),
        ("Amoxicillin", None),
    ],
)
def test_a_class_of_substances_is_known_by_its_terms(name: str, known: str | None) -> None:
    assert substance_class(name) == known
    record, gaps = map_call(allergy(name, category=["medication"]))
    assert record.allergies[0].substance_class == known
    assert gaps == ()


@pytest.mark.parametrize(
    "over",
    [
        {"clinicalStatus": state("resolved")},
        {"verificationStatus": state("refuted")},
        {"verificationStatus": state("entered-in-error")},
    ],
)
def test_an_allergy_that_does_not_hold_is_none(over: dict[str, object]) -> None:
    record, gaps = map_call(allergy("Aspirin", **over))
    assert record.allergies == ()
    assert gaps == ()


@pytest.mark.parametrize("text", ["No known allergies", "NKDA", "No known drug allergies"])
def test_no_known_allergy_is_no_allergy(text: str) -> None:
    code = {"coding": [{"system": SNOMED, "code": "716186003"}]}
    record, gaps = map_call(allergy(text), allergy(None, id="a2", code=code))
    assert record.allergies == ()
    assert gaps == ()


def test_no_known_allergy_with_an_exception_is_kept() -> None:
    record, _ = map_call(allergy("No known allergies except lisinopril"))
    assert ingredients(record.allergies) == [["Lisinopril"]]


@pytest.mark.parametrize("more", [{"category": ["medication"]}, {"category": "medication"}, {}])
def test_a_medication_allergy_that_we_do_not_know_is_a_shown_gap(more: dict[str, object]) -> None:
    record, gaps = map_call(allergy("Foozumab", **more))
    assert ingredients(record.allergies) == [[]]
    assert [gap.shown for gap in gaps if gap.kind == "allergy-unresolved"] == [True]


@pytest.mark.parametrize("more", [{"category": ["food"]}, {"category": ["environment"]}, {}])
def test_a_food_allergy_is_kept_without_a_gap(more: dict[str, object]) -> None:
    record, gaps = map_call(allergy("Peanut allergy", **more))
    assert record.allergies[0].display == "Peanut allergy"
    assert gaps == ()


def test_an_allergy_to_nothing_is_a_shown_gap() -> None:
    record, gaps = map_call(allergy(None))
    assert record.allergies == ()
    assert [(gap.kind, gap.shown) for gap in gaps] == [("allergy-without-substance", True)]


def test_the_frame_around_a_substance_falls_away() -> None:
    assert substance_words("Erythromycin adverse reaction") == "Erythromycin"
    assert substance_words("Allergy to aspirin (disorder)") == "aspirin"


def test_an_allergy_that_is_not_an_object_is_told() -> None:
    _, gaps = map_call("Penicillin")
    assert kinds(gaps) == ["malformed"]
