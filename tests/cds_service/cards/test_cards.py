import json
from dataclasses import replace
from typing import Any

import pytest

from cds_service.cards.build import CardMaterial, build_cards
from fhir_mappings.allergies import UNKNOWN_CODE
from fhir_mappings.record import Gap
from lamo.selection import Choice
from tests.cds_service.card_material import (
    GLARGINE,
    HARMLESS,
    LATE_MODEL,
    LISINOPRIL,
    METFORMIN,
    RECORD,
    draft,
    finding,
    material,
    score,
    suggesting,
    unsupported,
)
from tests.cds_service.card_rules import assert_valid_cards, visible
from tests.cds_service.card_sets import LONG, every_set, full_set
from tests.cds_service.gallery import GALLERY, GOLDEN, plain_versions


def cards_of(call: CardMaterial) -> list[dict[str, Any]]:
    cards = build_cards(call).cards
    assert_valid_cards(cards, call.record.patient_id)
    return cards


def test_nothing_found_and_nothing_missing_is_no_card() -> None:
    assert cards_of(material()) == []


def test_an_order_without_support_is_a_warning_that_names_it() -> None:
    (card,) = cards_of(unsupported(draft(GLARGINE)))

    assert card["indicator"] == "warning"
    assert card["summary"].startswith("Consider reviewing Insulin glargine")
    assert "MedicationRequest/d1" in card["detail"]
    assert "(2019-04-01, Condition/c1)" in card["detail"]
    assert card["source"]["label"] == "LAMO demonstration model 2026.11"


@pytest.mark.parametrize(
    ("log_odds", "band"),
    [(-1.6, "is below its"), (-2.5, "is well below its"), (-3.5, "is far below its")],
)
def test_strength_is_a_band_in_words_beside_the_base_rate(log_odds: float, band: str) -> None:
    (card,) = cards_of(unsupported(draft(GLARGINE), log_odds))

    assert band in card["detail"]
    assert "about 12 % of the visits" in card["detail"]


def test_a_warning_offers_to_remove_the_draft_and_recommends_nothing() -> None:
    (card,) = cards_of(unsupported(draft(GLARGINE)))

    (suggestion,) = card["suggestions"]
    assert card["selectionBehavior"] == "at-most-one"
    assert suggestion["actions"][0]["resourceId"] == "MedicationRequest/d1"
    assert "isRecommended" not in suggestion


@pytest.mark.parametrize(
    ("reference", "status", "offered"),
    [
        ("MedicationRequest/d1", "draft", "MedicationRequest/d1"),
        ("https://ehr.test/fhir/MedicationRequest/d1", None, "MedicationRequest/d1"),
        ("MedicationRequest/d1", "active", None),
        (None, "draft", None),
        ("urn:uuid:0d6c", "draft", None),
    ],
)
def test_only_a_draft_with_an_id_can_be_removed(
    reference: str | None, status: str | None, offered: str | None
) -> None:
    (card,) = cards_of(unsupported(draft(GLARGINE, reference=reference, status=status)))

    ids = [one["actions"][0]["resourceId"] for one in card.get("suggestions", [])]
    assert ids == ([offered] if offered else [])


def test_nothing_is_offered_to_an_id_that_stands_for_two_orders() -> None:
    orders = (draft(GLARGINE), draft(METFORMIN))
    call = material(findings=tuple(finding(one, "allergy", "warning") for one in orders))
    both = replace(call, record=replace(call.record, ordered=orders))

    assert [card.get("suggestions") for card in cards_of(both)] == [None, None]
    alone = replace(both, record=replace(call.record, ordered=orders[:1]))
    assert [len(card.get("suggestions", [])) for card in cards_of(alone)] == [1, 0]


def test_two_orders_of_the_same_ingredients_share_a_card_that_offers_to_remove_either() -> None:
    first, second = unsupported(draft(GLARGINE)), draft(GLARGINE, reference="MedicationRequest/d2")
    low = replace(first.choice.unsupported[0], medication=second)
    both = Choice(unsupported=(*first.choice.unsupported, low))
    record = replace(first.record, ordered=(*first.record.ordered, second))

    doses = {"MedicationRequest/d2": "20 units"}
    (card,) = cards_of(replace(first, choice=both, record=record, doses=doses))

    assert "(order" not in card["summary"]
    removed = [offer["actions"][0]["resourceId"] for offer in card["suggestions"]]
    assert removed == ["MedicationRequest/d1", "MedicationRequest/d2"]
    assert [offer["label"] for offer in card["suggestions"]] == [
        "Remove the draft of Insulin glargine (order 1 of 2)",
        "Remove the draft of Insulin glargine (order 2 of 2: 20 units)",
    ]
    assert card["selectionBehavior"] == "any"
    assert "MedicationRequest/d2" in card["detail"]


def test_an_offer_on_a_draft_of_a_long_name_still_says_which_it_is() -> None:
    name, dose = "Glargine " * 20, "at night " * 20
    orders = [draft(GLARGINE, reference=f"MedicationRequest/d{n}", display=name) for n in (1, 2)]
    call = material(findings=(finding(orders[0], "allergy", "warning"),))
    record = replace(call.record, ordered=tuple(orders))
    (card,) = cards_of(replace(call, record=record, doses={"MedicationRequest/d1": dose}))

    label = card["suggestions"][0]["label"]
    assert len(label) <= 100
    assert "… (order 1 of 2: at night" in label


def test_each_of_two_orders_of_one_name_says_which_it_is_and_its_dose() -> None:
    orders = [draft(GLARGINE), draft(GLARGINE, reference="MedicationRequest/d2")]
    both = tuple(finding(one, "older-adult", "warning") for one in reversed(orders))
    call = material(findings=both)
    record = replace(call.record, ordered=tuple(orders))
    doses = {"MedicationRequest/d2": "20 units at night " + "<b>" * 40}

    summaries = [card["summary"] for card in cards_of(replace(call, record=record, doses=doses))]

    assert summaries[1].endswith("(order 1 of 2)")
    assert "(order 2 of 2: 20 units at night (b)" in summaries[0]


def test_a_list_longer_than_expected_is_one_warning() -> None:
    (card,) = cards_of(material(choice=Choice(regimen=LONG)))

    assert card["indicator"] == "warning"
    assert "14 active ingredients" in card["summary"]
    assert "about 8" in card["summary"]


@pytest.mark.parametrize("severity", ["critical", "warning", "info"])
def test_a_finding_keeps_its_severity_and_names_its_draft_table(severity: Any) -> None:
    lisinopril = draft(LISINOPRIL)
    (card,) = cards_of(material(findings=(finding(lisinopril, "allergy", severity),)))

    assert card["indicator"] == severity
    assert "not reviewed by a pharmacist" in card["source"]["label"]
    assert "not reviewed by a pharmacist" in visible(card["detail"])
    assert "AllergyIntolerance/a1" in card["detail"]


def test_a_finding_on_a_suggestion_is_no_card() -> None:
    ours = draft(METFORMIN, reference=None, status="proposed")

    assert cards_of(material(findings=(finding(ours, "allergy", "critical"),))) == []


def test_suggestions_stand_on_one_card_with_valid_drafts() -> None:
    (card,) = cards_of(suggesting(score(METFORMIN, 2.2), score(GLARGINE, 1.1)))

    first = card["suggestions"][0]["actions"][0]["resource"]
    assert (card["indicator"], card["selectionBehavior"]) == ("info", "any")
    assert first["medicationCodeableConcept"]["coding"][0]["code"] == METFORMIN.rxcui
    assert first["reasonReference"][0]["reference"] == "Condition/c1"
    assert first["requester"] == {"reference": "Practitioner/dr1"}
    assert first["encounter"] == {"reference": "Encounter/e1"}
    assert "well above its usual support" in card["detail"]


def test_a_proposal_that_nothing_in_the_record_indicates_is_not_suggested() -> None:
    call = suggesting(score(METFORMIN))

    assert cards_of(replace(call, supports={METFORMIN.rxcui: ()})) == []
    assert cards_of(replace(call, supports={})) == []


def test_a_proposal_that_is_on_the_list_is_not_suggested() -> None:
    current = (draft(METFORMIN, status="active"),)

    assert cards_of(suggesting(score(METFORMIN), record=replace(RECORD, current=current))) == []


def test_at_most_so_many_are_suggested_best_first() -> None:
    names = [replace(METFORMIN, rxcui=str(n), label=f"Drug {n}") for n in range(9)]
    (card,) = cards_of(suggesting(*map(score, names)))

    labels = [suggestion["label"] for suggestion in card["suggestions"]]
    assert labels == [f"Add a draft order of Drug {n}" for n in range(5)]


def test_patient_view_gets_suggestions_and_gaps_only() -> None:
    kinds = [
        card["source"]["topic"]["code"]
        for card in cards_of(replace(full_set(), hook="patient-view"))
    ]

    assert kinds == ["suggestion"]


def test_what_could_not_be_checked_is_said_and_what_is_harmless_is_not() -> None:
    (card,) = cards_of(material(gaps=(LATE_MODEL, HARMLESS)))

    assert "could not" in card["summary"].lower()
    assert "Not available" in card["detail"]
    assert cards_of(material(gaps=(HARMLESS,))) == []


def test_other_cards_say_what_was_not_available_too() -> None:
    (warning,) = cards_of(replace(unsupported(draft(GLARGINE)), gaps=(LATE_MODEL,)))

    assert "**Not available:** The model could not score" in warning["detail"]


def test_an_allergy_that_nobody_can_read_is_a_card_beside_the_others() -> None:
    unread = Gap(kind=UNKNOWN_CODE, where="AllergyIntolerance/a1", meaning="A code.", shown=True)
    warned = replace(unsupported(draft(GLARGINE)), gaps=(LATE_MODEL, unread))

    warning, gap = cards_of(warned)

    assert "**Not available:** A code;" in warning["detail"]
    assert gap["summary"] == "Could not check everything: A code."
    assert "AllergyIntolerance/a1" in gap["detail"]
    assert len(cards_of(replace(warned, hook="patient-view", gaps=(unread,)))) == 1


def test_a_gap_that_comes_twice_is_said_once() -> None:
    (card,) = cards_of(material(gaps=(LATE_MODEL,), choice=Choice(gaps=(LATE_MODEL,))))

    assert "more)" not in card["summary"]


@pytest.mark.parametrize(
    ("public_url", "count"),
    [(None, 0), ("https://cds.example.org", 2), ("/about", 0), ("javascript:alert(1)", 0)],
)
def test_links_only_to_a_real_address(public_url: str | None, count: int) -> None:
    (card,) = cards_of(replace(unsupported(draft(GLARGINE)), public_url=public_url))

    assert len(card.get("links", [])) == count


def test_evidence_opens_as_an_app_where_it_is_registered_and_else_as_a_page() -> None:
    call = replace(unsupported(draft(GLARGINE)), public_url="https://cds.example.org")
    (plain,), (app,) = cards_of(call), cards_of(replace(call, has_app=True))

    url = f"https://cds.example.org/evidence/{call.event_id}"
    assert plain["links"][0] == {
        "label": "Evidence for this advice", "url": url, "type": "absolute"
    }  # fmt: skip
    assert app["links"][0]["type"] == "smart"
    assert app["links"][0]["url"] == "https://cds.example.org/smart/launch"
    assert app["links"][0]["appContext"] == call.event_id


def test_only_a_demonstration_is_called_one() -> None:
    call = unsupported(draft(GLARGINE))
    (demonstration,), (clinical,) = cards_of(call), cards_of(replace(call, is_demonstration=False))

    assert "not for clinical use" in demonstration["detail"]
    assert "not for clinical use" not in clinical["detail"]


def test_every_card_that_can_be_refused_offers_reasons() -> None:
    for card in (card for call in every_set() for card in cards_of(call)):
        assert ("overrideReasons" in card) == (card["source"]["topic"]["code"] != "gap")


def test_the_sets_are_as_in_the_golden_file() -> None:
    found = [card for call in every_set() for card in cards_of(call)]
    assert plain_versions(found) == json.loads(GOLDEN.read_text(encoding="utf-8"))


def test_the_gallery_shows_each_card_of_the_golden_file() -> None:
    gallery = GALLERY.read_text(encoding="utf-8")

    for card in json.loads(GOLDEN.read_text(encoding="utf-8")):
        assert f"**{card['summary']}**" in gallery
        for line in filter(None, card["detail"].splitlines()):
            assert f"> {line}" in gallery
