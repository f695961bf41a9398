"""A call in another FHIR version: the same advice, its version on record, and no R4 written."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import fhir.resources
import fhir.resources.R4B
import fhir.resources.STU3
import pytest

from cds_service.audit.migrate import upgrade
from cds_service.decision import decide
from cds_service.hooks.discovery import PREFETCH, find_service
from cds_service.hooks.request import HookRequest
from cds_service.settings import Settings
from cds_service.tools import Tools, build_tools
from tests.calls import context_of, hook_call, new_call, searchset
from tests.cds_service.card_rules import assert_valid_cards
from tests.fakes import FakeScorer
from tests.fhir_mappings.calls import NOW
from tests.fhir_mappings.twins import VERSIONS, patient_of

MODELS: Mapping[str, Any] = {
    "R4": fhir.resources.R4B.get_fhir_model_class,
    "STU3": fhir.resources.STU3.get_fhir_model_class,
    "R5": fhir.resources.get_fhir_model_class,
}


@pytest.fixture
def tools(tmp_path: Path) -> Iterator[Tools]:
    settings = Settings(var_dir=tmp_path)
    upgrade(settings.database_url)
    built = build_tools(settings, scorer=FakeScorer(log_odds={"Amlodipine": 20.0}))
    yield replace(built, clock=lambda: NOW)
    built.audit_log.close()


def decided(tools: Tools, version: str, hook: str) -> tuple[list[Any], Mapping[str, Any]]:
    """The cards of the twin of that version, and what stands in the audit log."""
    resources, drafts = patient_of(version)
    by_key = {
        wanted.key: searchset(*(r for r in resources if r["resourceType"] == wanted.resource_type))
        for wanted in PREFETCH
    }
    by_key["medications"] = searchset(
        *(r for r in resources if r["resourceType"] in ("MedicationRequest", "Medication"))
    )
    prefetch = by_key | {"patient": resources[0]}
    context = context_of(hook, encounterId="now")
    if hook == "order-sign":
        context["draftOrders"] = searchset(*drafts)
    request = HookRequest.from_json(
        find_service(f"lamo-{hook}"), hook_call(hook, prefetch=prefetch, context=context)
    )
    cards = decide(request, new_call(), tools)
    assert_valid_cards(cards, "p1")
    newest = tools.audit_log.list_events(limit=1)[0]
    return cards, tools.audit_log.find_event(newest.event_id).body


def actions_of(cards: list[Any]) -> list[Any]:
    offers = [one for card in cards for one in card.get("suggestions", [])]
    return [action for one in offers for action in one["actions"]]


@pytest.mark.parametrize("version", VERSIONS)
def test_the_version_stands_in_the_audit_log(tools: Tools, version: str) -> None:
    _, body = decided(tools, version, "order-sign")
    assert body["fhir_versions"] == [version]


@pytest.mark.parametrize("version", VERSIONS[1:])
@pytest.mark.parametrize("hook", ["order-sign", "patient-view"])
def test_the_advice_is_that_of_the_same_patient_in_r4(
    tools: Tools, version: str, hook: str
) -> None:
    (cards, body), (expected, r4) = decided(tools, version, hook), decided(tools, "R4", hook)
    assert [card["summary"] for card in cards] == [card["summary"] for card in expected]
    assert body["prompt_sha256"] == r4["prompt_sha256"]
    assert body["findings"] == r4["findings"]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_draft_is_only_created_for_a_client_of_r4(tools: Tools, version: str) -> None:
    cards, body = decided(tools, version, "patient-view")
    created = [one["resource"] for one in actions_of(cards) if one["type"] == "create"]
    gaps = [gap["kind"] for gap in body["gaps"] if gap["where"] == "cards"]
    assert "Consider Amlodipine" in cards[0]["summary"]
    assert (len(created), gaps) == ((1, []) if version == "R4" else (0, ["draft-not-offered"]))


@pytest.mark.parametrize("version", VERSIONS)
def test_an_order_to_be_stopped_stays_of_the_clients_version(tools: Tools, version: str) -> None:
    cards, _ = decided(tools, version, "patient-view")
    (stopped,) = [one["resource"] for one in actions_of(cards) if one["type"] == "update"]
    resources, _ = patient_of(version)
    (original,) = [one for one in resources if one["id"] == "diazepam"]
    assert stopped == original | {"status": "stopped"}
    MODELS[version]("MedicationRequest").model_validate_json(json.dumps(stopped))


@pytest.mark.parametrize("version", VERSIONS)
def test_a_draft_of_any_version_can_be_removed(tools: Tools, version: str) -> None:
    cards, _ = decided(tools, version, "order-sign")
    removed = [one["resourceId"] for one in actions_of(cards) if one["type"] == "delete"]
    assert removed == ["MedicationRequest/draft-1"]
