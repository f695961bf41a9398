"""Which feedback counts: that of the client and the service that a card was sent to."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from cds_service.audit.log import AuditLog, StoredEvent
from cds_service.errors import AuditUnavailable
from tests.cds_service.audit.test_entries import NOON, decision, feedback

pytest_plugins = ["tests.cds_service.audit_fixtures"]
REASON = {"code": "will-monitor"}
CARD = {
    "uuid": "card-1",
    "summary": "One",
    "suggestions": [{"uuid": "s1", "label": "Remove"}, {"uuid": "s2", "label": "Keep"}],
}
ABOUT = {"card": "card-1", "rule": "allergy", "rxcui": "723", "basis": "critical Condition/1"}


def kept(log: AuditLog, **changes: Any) -> StoredEvent:
    entry = feedback("card-1", **changes)
    assert log.append_feedback(entry) == 1
    return log.find_event(entry.event_id)


@pytest.fixture
def log(audit_log: AuditLog) -> AuditLog:
    audit_log.append_decision(decision(cards=[CARD], about=[ABOUT]))
    return audit_log


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"card": "card-2"}, "unknown card"),
        ({"card": "not-a-card-of-ours" * 1000}, "unknown card"),
        ({"client": "https://other.example.org"}, "card of another client"),
        ({"service_id": "lamo-patient-view"}, "card of another service"),
    ],
)
def test_feedback_is_linked_for_its_own_client_and_service_alone(
    log: AuditLog, changes: dict[str, Any], reason: str | None
) -> None:
    entry = feedback(**({"card": "card-1"} | changes))
    assert log.append_feedback(entry) == 1
    stored = log.find_event(entry.event_id)
    assert stored.body["not_linked"] == reason
    assert stored.body["card"] == entry.card
    assert (stored.decision_event_id is None) == (reason is not None)
    assert stored.decision_event_id == stored.body["decision_event_id"]


def test_what_another_client_said_first_is_not_in_the_way(log: AuditLog) -> None:
    assert kept(log, client="https://other.example.org").decision_event_id is None
    assert kept(log).decision_event_id is not None
    again = feedback("card-1", client="https://other.example.org")
    assert log.append_feedback(again) == 0


def test_suggestions_that_the_card_did_not_offer_are_flagged_and_do_not_count(
    log: AuditLog,
) -> None:
    body = kept(log, outcome="accepted", accepted_suggestions=("s2", "s9")).body
    assert (body["accepted_suggestions"], body["unknown_suggestions"]) == (["s2"], ["s9"])


def test_suggestions_of_a_card_that_is_not_linked_do_not_count(log: AuditLog) -> None:
    body = kept(log, client="https://other.example.org", accepted_suggestions=("s1",)).body
    assert (body["accepted_suggestions"], body["unknown_suggestions"]) == ([], ["s1"])


def test_only_the_client_itself_has_its_overrides_remembered(log: AuditLog) -> None:
    def remembered(client: str) -> bool:
        found = log.overridden("patient-1", client, NOON - timedelta(days=1))
        return ("allergy", "723", "critical Condition/1") in found

    kept(log, client="https://other.example.org", override_reason=REASON)
    kept(log, service_id="lamo-patient-view", override_reason=REASON)
    assert not remembered("https://ehr.example.org")
    kept(log, override_reason=REASON)
    assert remembered("https://ehr.example.org")
    assert not remembered("https://other.example.org")


def test_a_post_is_kept_whole_or_not_at_all_and_may_be_sent_again(log: AuditLog) -> None:
    entries = [feedback(f"card-{number}") for number in range(5)]
    taken = replace(entries[4], event_id=entries[0].event_id)  # which the database refuses
    with pytest.raises(AuditUnavailable):
        log.append_feedback(*entries[:4], taken)
    assert [event.kind for event in log.list_events()] == ["decision"]
    assert [log.append_feedback(*entries) for _ in range(2)] == [5, 0]
    assert len(log.list_events()) == 6


def test_what_a_post_says_twice_is_kept_once(log: AuditLog) -> None:
    assert log.append_feedback(feedback("card-1"), feedback("card-1"), feedback("card-2")) == 2


def test_a_post_of_nothing_is_taken(log: AuditLog) -> None:
    assert log.append_feedback() == 0
