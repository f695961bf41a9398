import pytest

from fhir_mappings.order_words import is_negated_allergy, ordered_words
from tests.fhir_mappings.calls import allergy, ingredients, kinds, map_call, request


@pytest.mark.parametrize(
    "text",
    [
        "no ibuprofen",
        "d/c lisinopril",
        "DC'd lisinopril",
        "hold warfarin",
        "stop metformin",
        "discontinue lisinopril",
        "Do not give aspirin",
        "Warfarin education",
    ],
)
def test_words_that_give_nothing_are_a_shown_gap(text: str) -> None:
    record, gaps = map_call(drafts=[request(text)])
    assert ingredients(record.ordered) == [[]]
    assert [(gap.kind, gap.shown) for gap in gaps] == [("medication-unresolved", True)]


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("Aspirin free tylenol", ["Acetaminophen"]),
        ("Aspirin-free Excedrin", ["Acetaminophen", "Caffeine"]),
        ("preservative-free morphine 1 mg", ["Morphine"]),
        ("lisinopril 10 mg tab (replaces ibuprofen)", ["Lisinopril"]),
        ("lisinopril 10 mg [instead of ibuprofen]", ["Lisinopril"]),
        ("ibuprofen 800 mg (replaces ibuprofen 600)", ["Ibuprofen"]),
        ("amoxicillin/clav 875", ["Amoxicillin", "Clavulanic acid"]),
        ("amoxicillin-clav 500", ["Amoxicillin", "Clavulanic acid"]),
        ("metoprolol 25 mg, hold for SBP < 100", ["Metoprolol"]),
        ("warfarin 5 mg daily, education given", ["Warfarin"]),
    ],
)
def test_an_order_is_what_it_gives(text: str, labels: list[str]) -> None:
    record, gaps = map_call(drafts=[request(text)])
    assert ingredients(record.ordered) == [labels]
    assert gaps == ()


@pytest.mark.parametrize("text", ["NoDoz 200 mg", "No-Doz", "No. 3 tylenol", "Stopain gel", ""])
def test_a_name_that_only_begins_like_a_refusal_is_kept(text: str) -> None:
    assert (ordered_words(text) or "") == text


@pytest.mark.parametrize(
    "text",
    ["Not allergic to penicillin", "Patient is not allergic to aspirin", "No reaction to sulfa"],
)
def test_a_negated_allergy_is_none_and_a_quiet_gap(text: str) -> None:
    record, gaps = map_call(allergy(text))
    assert record.allergies == ()
    assert [(gap.kind, gap.shown) for gap in gaps] == [("allergy-negated", False)]


def test_no_known_penicillin_allergy_is_no_allergy() -> None:
    assert map_call(allergy("No known penicillin allergy"))[0].allergies == ()


@pytest.mark.parametrize(
    "text",
    [
        "Not allergic to penicillin but to sulfa",
        "No penicillin - allergic",
        "No NSAIDs due to allergy",
        "Penicillin, no known cross reaction",
        "Penicillin allergy",
    ],
)
def test_an_allergy_with_a_no_elsewhere_is_kept(text: str) -> None:
    assert not is_negated_allergy(text)


def test_an_allergy_that_is_not_negated_has_no_such_gap() -> None:
    record, gaps = map_call(allergy("No NSAIDs: allergic"))
    assert record.allergies[0].substance_class == "nsaids_cox1"
    assert kinds(gaps) == []
