"""The card about what is taken already: it offers a review and chooses nothing."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from cds_service.answers import Answers
from cds_service.cards.build import CardMaterial, build_cards
from cds_service.cards.policy import RulePolicy, load_policy
from lamo.explanation import Explanation
from tests.calls import ORDER
from tests.cds_service.card_material import METFORMIN, RECORD, draft, finding, material
from tests.cds_service.card_rules import assert_valid_cards
from tests.cds_service.card_sets import full_set, opening_set

LORAZEPAM, OMEPRAZOLE = "6470", "7646"


def review_of(call: CardMaterial) -> dict[str, Any] | None:
    cards = build_cards(call).cards
    assert_valid_cards(cards, "p1")
    found = [card for card in cards if card["source"]["topic"]["code"] == "deprescribing"]
    assert len(found) <= 1
    return found[0] if found else None


def test_opening_a_chart_gives_one_quiet_card_for_all_that_is_taken() -> None:
    card = review_of(opening_set())

    assert card is not None
    assert (card["indicator"], card["summary"]) == (
        "info",
        "Consider reviewing 4 current medications",
    )
    assert "Lorazepam 1 MG Oral Tablet: on record for 120 days" in card["detail"]


def test_leaving_the_hospital_is_reviewed_like_an_opened_chart() -> None:
    opened, leaving = opening_set(), replace(opening_set(), hook="encounter-discharge")
    assert review_of(leaving) is not None
    assert [card["detail"] for card in build_cards(leaving).cards] == [
        card["detail"] for card in build_cards(opened).cards
    ]


def test_it_warns_of_stopping_abruptly_what_needs_care() -> None:
    card = review_of(opening_set())

    assert card is not None
    assert "may cause withdrawal and seizures: consider reducing it step by step" in card["detail"]


def test_to_stop_is_offered_on_the_clients_own_resource_and_never_chosen() -> None:
    call = opening_set()
    card = review_of(call)

    assert card is not None
    assert card["selectionBehavior"] == "any"
    offers = {one["label"]: one["actions"] for one in card["suggestions"]}
    (action,) = offers["Mark Omeprazole 20 MG Oral Capsule as stopped"]
    assert action["type"] == "update"
    original = call.originals["MedicationRequest/taken-omeprazole"]
    assert action["resource"] == {**original, "status": "stopped"}
    assert original["status"] == "active"


@pytest.mark.parametrize(
    ("days", "told"),
    [
        ((1, 2), ("since 2026-01-01", "since 2026-01-02")),
        ((1, 1), ("MedicationRequest/a", "MedicationRequest/b")),
        ((None, None), ("MedicationRequest/a", "MedicationRequest/b")),
    ],
    ids=["other-days", "one-day", "no-day"],
)
def test_offers_to_stop_two_of_one_name_say_which_is_meant(
    days: tuple[int | None, int | None], told: tuple[str, str]
) -> None:
    taken = tuple(
        draft(METFORMIN, reference=f"MedicationRequest/{one}", status="active", started=started)
        for one, day in zip("ab", days, strict=True)
        for started in (date(2026, 1, day) if day else None,)
    )
    found = tuple(finding(one, "duplicate-ingredient", "info") for one in taken)
    originals = {f"MedicationRequest/{one}": ORDER | {"id": one} for one in "ab"}
    call = material(hook="patient-view", findings=found, originals=originals)
    card = review_of(replace(call, record=replace(call.record, ordered=(), current=taken)))

    assert card is not None
    labels = [offer["label"] for offer in card["suggestions"]]
    assert labels == [f"Mark Metformin as stopped ({one})" for one in told]


def test_what_is_null_or_empty_in_an_order_does_not_leave_with_it() -> None:
    call = opening_set()
    odd = {name: {**one, "encounter": None, "note": []} for name, one in call.originals.items()}
    card = review_of(replace(call, originals=odd))

    assert card is not None
    resources = [action["resource"] for one in card["suggestions"] for action in one["actions"]]
    assert not any({"encounter", "note"} & set(resource) for resource in resources)


def test_what_came_as_no_order_is_reviewed_without_an_offer() -> None:
    card = review_of(replace(opening_set(), originals={}))

    assert card is not None
    assert "suggestions" not in card


def test_what_found_no_room_is_counted_and_neither_offered_nor_answered() -> None:
    call = opening_set()
    built = build_cards(call)
    (card,) = built.cards

    assert "- and 1 more, in the record of this decision" in card["detail"]
    assert "274783" not in {row["rxcui"] for row in built.about}  # of Insulin glargine
    assert len(card["suggestions"]) == 3


def test_what_may_harm_soon_comes_before_what_an_age_speaks_against() -> None:
    taken = [draft(METFORMIN, reference=f"MedicationRequest/t{n}") for n in range(5)]
    ages = tuple(finding(one, "older-adult", "warning") for one in taken)
    pair = finding(taken[4], "interaction", "warning")
    record = replace(opening_set().record, current=tuple(taken))
    card = review_of(replace(opening_set(), record=record, findings=(*ages, pair)))

    assert card is not None
    assert card["detail"].startswith("- **Consider an alternative to Metformin: interaction**")


def test_a_review_of_one_medication_is_titled_by_its_first_point() -> None:
    taken = draft(METFORMIN, status="active")
    found = (finding(taken, "usual-course", "info"), finding(taken, "allergy", "critical"))
    record = replace(RECORD, current=(taken,))
    call = material(hook="patient-view", record=record, findings=found)
    card = review_of(call)

    assert card is not None
    assert card["summary"] == "Consider an alternative to Metformin: allergy"


def test_beside_an_order_only_what_outlasts_a_limit_is_shown_of_what_is_taken() -> None:
    call = replace(opening_set(), hook="order-select")
    limited = tuple(
        replace(one, severity="warning") for one in call.findings if one.rule == "usual-course"
    )

    assert {one.severity for one in call.findings} == {"info", "warning"}
    assert review_of(call) is None
    assert review_of(replace(call, findings=limited)) is not None


def test_what_is_contraindicated_is_a_warning_also_beside_another_order() -> None:
    call = opening_set()
    grave = tuple(replace(one, severity="critical") for one in call.findings[:1])

    for hook in ("patient-view", "order-sign"):
        card = review_of(replace(call, hook=hook, findings=grave))
        assert card is not None
        assert card["indicator"] == "warning"


def test_the_model_alone_never_speaks_of_what_is_taken_beside_an_order() -> None:
    call = replace(opening_set(), findings=())

    assert review_of(call) is not None
    assert review_of(replace(call, hook="order-sign")) is None


def test_the_policy_and_earlier_answers_are_kept_line_by_line() -> None:
    call = opening_set()
    quiet = load_policy()
    off = quiet.model_copy(
        update={"rules": quiet.rules | {"duplicate-class": RulePolicy(enabled=False)}}
    )
    answered = Answers(by_user=frozenset({("usual-course", LORAZEPAM, "info")}))
    built = build_cards(replace(call, policy=off, overridden=answered))

    assert {(row["rule"], row["rxcui"]) for row in built.about} == {
        ("usual-course", OMEPRAZOLE),
        ("overprescription", "274783"),
    }
    assert {(row["rule"], row["why"]) for row in built.suppressed} == {
        ("duplicate-class", "policy"),
        ("usual-course", "overridden before"),
    }


def test_the_facts_that_moved_the_score_are_named_for_and_against() -> None:
    cards = build_cards(full_set()).cards
    (card,) = (one for one in cards if one["source"]["topic"]["code"] == "overprescription")

    assert "Most for it: Type 2 diabetes mellitus" in card["detail"]
    assert "most against it: Levothyroxine" in card["detail"]


def test_where_no_fact_is_a_reason_the_diagnoses_are_named_and_nothing_is_said_for_it() -> None:
    call = full_set()
    moved = tuple(replace(one, delta=one.delta / 100) for one in call.explanation.moved)
    cards = build_cards(replace(call, explanation=Explanation(moved=moved))).cards
    (card,) = (one for one in cards if one["source"]["topic"]["code"] == "overprescription")

    assert "the record shows" in card["detail"]
    assert "Most for it" not in card["detail"]
