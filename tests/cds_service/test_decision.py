"""One call from request to cards, with a scripted scorer and everything else real."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cds_service.audit.entries import FeedbackEntry
from cds_service.audit.ids import new_event_id
from cds_service.audit.log import AuditLog
from cds_service.audit.migrate import upgrade
from cds_service.decision import decide
from cds_service.errors import AuditUnavailable
from cds_service.hooks.discovery import find_service
from cds_service.hooks.request import HookRequest
from cds_service.keys.file_keys import FileKeys
from cds_service.keys.ring import new_ring
from cds_service.settings import Settings
from cds_service.tools import Tools, build_tools
from tests.calls import ORDER, PATIENT, context_of, hook_call, new_call, searchset
from tests.cds_service.card_rules import assert_valid_cards
from tests.fakes import FakeScorer


@pytest.fixture
def scorer() -> FakeScorer:
    return FakeScorer()


@pytest.fixture
def tools(tmp_path: Path, scorer: FakeScorer) -> Iterator[Tools]:
    settings = Settings(var_dir=tmp_path)
    upgrade(settings.database_url)
    built = build_tools(settings, scorer=scorer)
    yield built
    built.audit_log.close()


def cards_of(tools: Tools, hook: str = "order-sign", **changes: Any) -> list[dict[str, Any]]:
    request = HookRequest.from_json(find_service(f"lamo-{hook}"), hook_call(hook, **changes))
    cards = decide(request, new_call(), tools)
    assert_valid_cards(cards, "p1")
    return cards


def stored(tools: Tools) -> Mapping[str, Any]:
    newest = tools.audit_log.list_events(limit=1)[0]
    return tools.audit_log.find_event(newest.event_id).body


def test_an_unsupported_order_is_warned_of_and_the_decision_is_recorded(tools: Tools) -> None:
    cards = cards_of(tools)
    assert [card["indicator"] for card in cards] == ["warning"]
    assert "ibuprofen" in cards[0]["summary"]
    body = stored(tools)
    assert body["cards"] == cards
    assert len(body["scores"]) == len(tools.artifact.vocabulary)
    assert {"prefetch", "map", "score", "check", "cards", "total"} <= set(body["stage_ms"])


def test_while_an_order_is_selected_it_alone_is_scored_and_nothing_else_suggested(
    tools: Tools, scorer: FakeScorer
) -> None:
    cards = cards_of(tools, "order-select", context=context_of("order-select"))
    assert [row["label"] for row in stored(tools)["scores"]] == ["Ibuprofen"]
    assert ["ibuprofen" in card["summary"] for card in cards] == [True]


def test_a_model_that_is_down_leaves_the_rules_standing_and_says_so(
    tools: Tools, scorer: FakeScorer
) -> None:
    scorer.outage = "no time was left for scoring"
    allergy = {
        "resourceType": "AllergyIntolerance",
        "id": "a1",
        "patient": {"reference": "Patient/p1"},
        "criticality": "high",
        "code": {"text": "Ibuprofen"},
    }
    prefetch = hook_call()["prefetch"] | {"allergies": searchset(allergy)}
    cards = cards_of(tools, prefetch=prefetch)
    assert [card["indicator"] for card in cards] == ["critical"]
    assert "could not" in cards[0]["detail"]


def test_nothing_is_held_against_orders_when_the_conditions_could_not_be_read(
    tools: Tools, scorer: FakeScorer
) -> None:
    cards = cards_of(tools, prefetch={"patient": PATIENT})
    assert scorer.prompts == []
    assert [card["indicator"] for card in cards] == ["info"]
    assert "not available" in cards[0]["summary"] + cards[0]["detail"]


def test_signing_an_order_without_a_drug_says_that_it_was_not_checked(tools: Tools) -> None:
    unnamed = {k: v for k, v in ORDER.items() if k != "medicationCodeableConcept"}
    drafts = {"resourceType": "Bundle", "entry": [{"resource": unnamed}]}
    [card] = cards_of(tools, context=context_of(draftOrders=drafts))
    assert "not checked" in card["detail"]
    assert (
        cards_of(tools, "order-select", context=context_of("order-select", draftOrders=drafts))
        == []
    )


def test_resources_of_another_patient_are_never_used_and_that_is_said(tools: Tools) -> None:
    foreign = {
        "resourceType": "AllergyIntolerance",
        "id": "a2",
        "patient": {"reference": "Patient/p2"},
        "criticality": "high",
        "code": {"text": "Ibuprofen"},
    }
    cards = cards_of(tools, prefetch=hook_call()["prefetch"] | {"allergies": searchset(foreign)})
    assert [card["indicator"] for card in cards] == ["warning"]
    assert "1 resource about another patient" in cards[0]["detail"]


def test_no_card_leaves_when_the_decision_cannot_be_recorded(tools: Tools, tmp_path: Path) -> None:
    lost = AuditLog(f"sqlite:///{tmp_path}/missing.sqlite3", FileKeys(new_ring()))
    with pytest.raises(AuditUnavailable):
        cards_of(replace(tools, audit_log=lost))


def test_a_chart_too_long_for_the_model_says_what_it_was_not_shown(tmp_path: Path) -> None:
    settings = Settings(var_dir=tmp_path, prompt_tokens=200)
    upgrade(settings.database_url)
    tools = build_tools(settings, scorer=FakeScorer())
    conditions = searchset(
        *(
            {
                "resourceType": "Condition",
                "id": f"c{number}",
                "subject": {"reference": "Patient/p1"},
                "code": {"text": f"A rare syndrome that nobody has a code for, number {number}"},
            }
            for number in range(30)
        )
    )
    cards = cards_of(tools, prefetch=hook_call()["prefetch"] | {"conditions": conditions})
    assert any("of 30 diagnoses" in card["detail"] for card in cards)
    gaps = {gap["where"]: gap["meaning"] for gap in stored(tools)["gaps"]}
    assert "of 30 diagnoses" in gaps["diagnoses"]
    tools.audit_log.close()


def test_a_warning_that_was_overridden_with_a_reason_is_shown_again_to_others_alone(
    tools: Tools,
) -> None:
    (card,) = cards_of(tools)
    reason = {"code": "will-monitor", "system": "urn:lamo-cds:override-reason"}
    for override_reason, again in ((None, 1), (reason, 0)):
        entry = FeedbackEntry(
            event_id=new_event_id(),
            request_id="request-2",
            service_id="lamo-order-sign",
            card=card["uuid"],
            outcome="overridden",
            accepted_suggestions=(),
            override_reason=override_reason,
            reason_code=None,
            user_comment=None,
            outcome_timestamp=tools.clock() + timedelta(seconds=again),
            received_at=tools.clock(),
            client="anonymous",
        )
        tools.audit_log.append_feedback(entry)
        assert len(cards_of(tools)) == again
    assert stored(tools)["suppressed"] == [
        {"rule": "overprescription", "rxcuis": ["5640"], "why": "overridden before"}
    ]
    (told,) = cards_of(tools, context=context_of(userId="Practitioner/d2"))
    assert "**Overridden by another user** on " in told["detail"]
    later = replace(tools, clock=lambda: datetime.now(UTC) + timedelta(days=60))
    assert len(cards_of(later)) == 1
