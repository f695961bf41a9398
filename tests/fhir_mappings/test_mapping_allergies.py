import pytest

from fhir_mappings.substances import substance_class, substance_classes, substance_words
from tests.fhir_mappings.calls import (
    RXNORM,
    SNOMED,
    Resource,
    allergy,
    ingredients,
    kinds,
    map_call,
    state,
)


def coded(system: str, code: str, display: str | None = None) -> Resource:
    return {
        "coding": [{"system": system, "code": code} | ({"display": display} if display else {})]
    }


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


@pytest.mark.parametrize(
    ("reaction", "worst"),
    [
        ({"manifestation": [coded(SNOMED, "39579001")]}, "life-threatening"),
        ({"manifestation": [coded(SNOMED, "768962006")]}, "life-threatening"),
        ({"manifestation": [{"text": "Anaphylactic shock"}]}, "life-threatening"),
        ({"manifestation": [{"text": "Stevens-Johnson syndrome"}]}, "life-threatening"),
        ({"manifestation": [{"text": "DRESS"}]}, "life-threatening"),
        ({"manifestation": [{"text": "Rash"}], "description": "SJS in 2010"}, "life-threatening"),
        ({"manifestation": [{"text": "Rash, no anaphylaxis"}]}, None),
        ({"manifestation": [{"text": "Hives; anaphylaxis was ruled out"}]}, None),
        ({"manifestation": [{"text": "Anaphylaxis, no shock"}]}, "life-threatening"),
        ({"manifestation": [{"text": "Rash where the dress was"}]}, None),
        ({"manifestation": [{"text": "Rash"}], "severity": "severe"}, "severe"),
        ({"manifestation": [{"text": "Rash"}], "severity": "moderate"}, None),
        ({"severity": "severe"}, None),
    ],
)
def test_how_bad_a_reaction_was_is_read_by_code_words_and_severity(
    reaction: Resource, worst: str | None
) -> None:
    record, _ = map_call(allergy("Amoxicillin", reaction=[reaction], criticality="low"))
    assert record.allergies[0].worst == worst


def test_an_entry_that_names_the_reaction_itself_tells_how_bad_it_was() -> None:
    record, _ = map_call(allergy("PENICILLIN (anaphylaxis)"))
    assert [one.worst for one in record.allergies] == ["life-threatening"]


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
    assert record.allergies[0].display == "Peanut"
    assert gaps == ()


def test_an_allergy_to_nothing_is_a_shown_gap() -> None:
    record, gaps = map_call(allergy(None))
    assert record.allergies == ()
    assert [(gap.kind, gap.shown) for gap in gaps] == [("allergy-without-substance", True)]


@pytest.mark.parametrize(
    ("name", "bare"),
    [
        ("Erythromycin adverse reaction", "Erythromycin"),
        ("Allergy to aspirin (disorder)", "aspirin"),
        ("Substance with penicillin structure and antibacterial mechanism of action", "penicillin"),
        ("Penicillin (tolerates amoxicillin)", "Penicillin"),
        ("Cephalosporins - has tolerated penicillin", "Cephalosporins"),
        ("Codeine, not tolerated", "Codeine, not tolerated"),
    ],
)
def test_the_frame_around_a_substance_falls_away(name: str, bare: str) -> None:
    assert substance_words(name) == bare


@pytest.mark.parametrize(
    ("system", "code", "known", "name"),
    [
        (RXNORM, "70618", "penicillins", "Penicillin"),
        ("urn:oid:2.16.840.1.113883.6.88", "70618", "penicillins", "Penicillin"),
        (SNOMED, "91936005", "penicillins", "penicillin"),
        (SNOMED, "373270004", "penicillins", "penicillin"),
        (SNOMED, "294532003", "cephalosporins", "cephalosporin"),
        (SNOMED, "387406002", "sulfonamide_antimicrobials", "Sulfonamide"),
    ],
)
def test_the_code_of_a_class_needs_no_words(system: str, code: str, known: str, name: str) -> None:
    record, gaps = map_call(allergy(None, code=coded(system, code)))
    assert [(one.substance_class, one.display) for one in record.allergies] == [(known, name)]
    assert gaps == ()


def test_an_allergy_to_a_drug_is_called_by_the_substance_of_its_reaction() -> None:
    code, substance = coded(SNOMED, "416098002", "Allergy to drug"), {"text": "Codeine"}
    record, _ = map_call(allergy(None, code=code, reaction=[{"substance": substance}]))
    assert [one.display for one in record.allergies] == ["Codeine"]


def test_the_finding_of_a_substance_is_its_ingredient() -> None:
    record, _ = map_call(allergy(None, code=coded(SNOMED, "294505008")))
    assert ingredients(record.allergies) == [["Amoxicillin"]]
    assert record.allergies[0].display == "amoxicillin"


@pytest.mark.parametrize(
    "text",
    [
        "PENICILLIN (anaphylaxis)",
        "Penizillin",
        "P\u00e9nicilline",
        "penicilina: rash",
        "Penicillins",
    ],
)
def test_penicillin_is_read_in_the_spellings_that_people_type(text: str) -> None:
    assert substance_classes(text) == ("penicillins",)


@pytest.mark.parametrize(
    "text",
    ["Penicillamine", "Penicillium (mould)", "penicillinase", "Penicillin G", "beta-lactamase"],
)
def test_what_only_looks_like_penicillin_is_no_class(text: str) -> None:
    assert substance_classes(text) == ()


def test_an_entry_that_names_two_classes_is_an_allergy_to_each() -> None:
    record, gaps = map_call(allergy("Penicillins and sulfa drugs"))
    found = {one.substance_class for one in record.allergies}
    assert found == {"penicillins", "sulfonamide_antimicrobials"}
    assert gaps == ()


def test_what_is_tolerated_is_no_allergy() -> None:
    record, _ = map_call(allergy("Cephalosporins, tolerates amoxicillin"))
    assert ingredients(record.allergies) == [[]]
    assert record.allergies[0].substance_class == "cephalosporins"


def test_a_code_that_nobody_knows_is_named_for_a_person_to_look_up() -> None:
    record, gaps = map_call(allergy(None, code=coded("http://fdasis.nlm.nih.gov", "ABC123")))
    assert record.allergies[0].display == "UNII ABC123"
    assert [(gap.kind, gap.shown) for gap in gaps] == [("allergy-code-unknown", True)]
    assert "UNII ABC123" in gaps[0].meaning


def test_an_unknown_name_is_told_with_its_code() -> None:
    _, (gap,) = map_call(allergy(None, code=coded(RXNORM, "1", "Foozumab")))
    assert gap.meaning.startswith("Allergy to 'Foozumab' (RxNorm 1) was not checked")


def test_an_allergy_that_is_not_an_object_is_told() -> None:
    _, gaps = map_call("Penicillin")
    assert kinds(gaps) == ["malformed"]
