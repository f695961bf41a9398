"""The calls that a real client sent, fired again, with our prefetch and as they stand."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cds_service.card_rules import assert_valid_cards
from tests.end_to_end.conftest import Service
from tests.end_to_end.fhir_store import FhirStore
from tests.fakes import LoopbackFhir, loopback_fhir


@pytest.fixture(scope="module")
def recordings(test_data: Path) -> list[dict[str, Any]]:
    paths = sorted((test_data / "data" / "hook_requests").glob("*.json"))
    return [json.loads(path.read_text()) for path in paths]


def calls_of(recordings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one["body"] for one in recordings if "hook" in one["body"]]


@pytest.fixture(scope="module")
def store(recordings: list[dict[str, Any]]) -> FhirStore:
    """Every resource that the client ever prefetched: its FHIR server, as far as we saw it."""
    found: dict[str, dict[str, Any]] = {}
    for body in calls_of(recordings):
        for value in body.get("prefetch", {}).values():
            entries = value.get("entry", []) if value["resourceType"] == "Bundle" else []
            for resource in [value, *(entry["resource"] for entry in entries)]:
                if resource["resourceType"] != "Bundle":
                    found[f"{resource['resourceType']}/{resource['id']}"] = resource
    for body in calls_of(recordings):
        patient = {"resourceType": "Patient", "id": body["context"]["patientId"]}
        found.setdefault(f"Patient/{patient['id']}", patient)
    return FhirStore(found.values())


@pytest.fixture
def server(store: FhirStore) -> Iterator[LoopbackFhir]:
    with loopback_fhir() as running:
        running.default = store.serve
        yield running


def without_server(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if not name.startswith("fhir")}


def assert_answered(service: Service, body: dict[str, Any]) -> list[dict[str, Any]]:
    answer = service.call(f"lamo-{body['hook']}", body)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    assert_valid_cards(answer.json["cards"], body["context"]["patientId"])
    newest = service.tools.audit_log.list_events(limit=1)[0]
    stored = service.tools.audit_log.find_event(newest.event_id).body
    assert stored["hook_instance"] == body["hookInstance"]
    assert stored["cards"] == answer.json["cards"]
    cards: list[dict[str, Any]] = answer.json["cards"]
    return cards


def test_all_15_calls_with_our_own_prefetch(
    service: Service, recordings: list[dict[str, Any]], store: FhirStore
) -> None:
    bodies = calls_of(recordings)
    assert len(bodies) == 15
    for body in bodies:
        prefetch = store.prefetch(body["context"])
        assert_answered(service, without_server(body) | {"prefetch": prefetch})


def test_all_15_calls_as_sent_with_the_rest_read_from_the_fhir_server(
    service: Service, recordings: list[dict[str, Any]], server: LoopbackFhir
) -> None:
    for body in calls_of(recordings):
        assert_answered(service, {**body, "fhirServer": server.base})
    assert server.asked


def test_the_3_recorded_feedbacks_with_our_uuids(
    service: Service, recordings: list[dict[str, Any]], examples: Path
) -> None:
    cards = assert_answered(service, json.loads((examples / "order-sign.json").read_text()))
    card = next(card for card in cards if "suggestions" in card)
    feedbacks = [one["body"] for one in recordings if "feedback" in one["body"]]
    assert len(feedbacks) == 3
    for sent in feedbacks:
        ours = json.loads(json.dumps(sent))
        for entry in ours["feedback"]:
            entry["card"] = card["uuid"]
            if "acceptedSuggestions" in entry:
                entry["acceptedSuggestions"] = [{"id": card["suggestions"][0]["uuid"]}]
        answer = service.call("lamo-order-sign/feedback", ours)
        assert answer.status_code == 200, answer.get_data(as_text=True)
    kinds = [event.kind for event in service.tools.audit_log.list_events(limit=3)]
    assert kinds == ["feedback"] * 3
