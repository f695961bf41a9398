"""Which feedback counts: that of the client and the service that a card was sent to."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from cds_service.answers import Answers, Earlier
from cds_service.audit.log import AuditLog, StoredEvent
from cds_service.audit.vault import Whom
from cds_service.errors import AuditUnavailable
from tests.cds_service.audit.test_entries import NOON, decision, feedback

pytest_plugins = ["tests.cds_service.audit_fixtures"]
REASON = {"code": "will-monitor"}
CARD = {
    "uuid": "card-1",
    "summary": "One",
    "suggestions": [{"uuid": "s1", "label": "Remove"}, {"uuid": "s2", "label": "Keep"}],
}
ANSWER = ("allergy", "723", "critical Condition/1")
DOCTOR = "Practitioner/example"  # whom `decision` is for
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


def remembered(log: AuditLog, user: str, client: str = "https://ehr.example.org") -> Answers:
    """What was overridden of patient-1 within a day, as this user of a client is told."""
    whom = Whom(client=client, patient_id="patient-1")
    return log.overridden(whom, user, NOON - timedelta(days=1))


def test_only_the_client_itself_has_its_overrides_remembered(log: AuditLog) -> None:
    kept(log, client="https://other.example.org", override_reason=REASON)
    kept(log, service_id="lamo-patient-view", override_reason=REASON)
    assert remembered(log, DOCTOR) == Answers()
    kept(log, override_reason=REASON)
    assert remembered(log, DOCTOR).is_by_user(ANSWER)
    assert remembered(log, DOCTOR, "https://other.example.org") == Answers()


def test_an_override_is_that_of_the_user_whom_the_card_was_made_for(log: AuditLog) -> None:
    stored = kept(log, override_reason=REASON, reason_code="tolerated-before")
    assert remembered(log, DOCTOR).by_another(ANSWER) is None
    others = remembered(log, "Practitioner/pharmacist")
    assert not others.is_by_user(ANSWER)
    day = stored.body["recorded_at"][:10]
    assert others.by_another(ANSWER) == Earlier(day=day, reason="tolerated-before")


def test_of_several_overrides_by_others_the_last_is_told(log: AuditLog) -> None:
    for number, reason in enumerate(("will-monitor", "tolerated-before", None)):
        moment = NOON + timedelta(seconds=number)
        kept(log, reason_code=reason, outcome_timestamp=moment)
    earlier = remembered(log, "Practitioner/pharmacist").by_another(ANSWER)
    assert earlier is not None
    assert earlier.reason is None


@pytest.mark.parametrize("user", ["Patient/1", "RelatedPerson/1", None])
def test_what_is_overridden_by_nobody_who_is_named_is_shown_to_everyone(
    audit_log: AuditLog, user: str | None
) -> None:
    audit_log.append_decision(decision(user=user, cards=[CARD], about=[ABOUT]))
    kept(audit_log, override_reason=REASON)
    for asking in ("Patient/1", "RelatedPerson/1", "Patient", "RelatedPerson", "None"):
        assert not remembered(audit_log, asking).is_by_user(ANSWER)
        assert remembered(audit_log, asking).by_another(ANSWER) is not None


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
