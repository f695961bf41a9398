"""The audit log keeps every entry whole, on SQLite and on PostgreSQL."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from datetime import timedelta, timezone

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from cds_service.audit.database import open_engine
from cds_service.audit.entries import Table
from cds_service.audit.log import AuditLog, EventUnknown
from cds_service.keys.service import KeyService
from fhir_mappings.record import Gap
from tests.cds_service.audit.test_entries import (
    NOON,
    access,
    administration,
    decision,
    error,
    feedback,
)

pytest_plugins = ["tests.cds_service.audit_fixtures"]


def test_every_field_of_a_decision_comes_back(audit_log: AuditLog) -> None:
    entry = decision()

    audit_log.append_decision(entry)

    stored = audit_log.find_event(entry.event_id)
    body = stored.body
    assert {field.name for field in fields(entry)} <= body.keys()
    for name in ("event_id", "request_id", "user", "encounter_id", "cards", "findings"):
        assert body[name] == getattr(entry, name)
    assert body["scores"] == entry.scores.as_rows()
    assert body["received_at"] == "2026-03-01T12:00:00.250000Z"
    assert body["inputs"] == {"conditions": {"state": "supplied", "resources": 3}}
    assert body["gaps"][0]["meaning"] == "A note was not read."
    assert (body["model"], body["stage_ms"]) == (entry.model, entry.stage_ms)
    assert body["escaped"] == []


def test_the_columns_say_the_same_as_the_body(audit_log: AuditLog) -> None:
    entry = decision()
    audit_log.append_decision(entry)

    summary = audit_log.find_event(entry.event_id).summary

    assert summary.recorded_at == audit_log.find_event(entry.event_id).body["recorded_at"]
    assert summary.patient == audit_log.find_event(entry.event_id).body["patient"]
    assert (summary.patient_id, summary.user_ref) == ("patient-1", "Practitioner/example")
    assert (summary.kind, summary.outcome, summary.card_count) == ("decision", "ok", 2)


USERS = (
    ("Patient/marked", "Patient"),
    ("RelatedPerson/marked", "RelatedPerson"),
    ("https://ehr.example.org/fhir/Patient/marked", "Patient"),
)


@pytest.mark.parametrize(("user", "kind"), USERS)
def test_a_patient_who_calls_is_named_in_the_protected_part_alone(
    audit_log: AuditLog, user: str, kind: str
) -> None:
    decided = decision(user=user)
    audit_log.append_decision(decided)
    whom = {"patient_client": decided.client, "patient_id": decided.patient_id}
    looked = access(user=user, **whom)
    audit_log.append_access(looked)
    for event_id in (decided.event_id, looked.event_id):
        closed = audit_log.find_event(event_id, is_opened=False)
        assert "marked" not in str(closed)
        assert (closed.body["user"], closed.summary.user_ref) == (kind, kind)
        opened = audit_log.find_event(event_id).body
        assert (opened["user"], "user_reference" in opened) == (user, False)


def test_a_patient_of_whom_nothing_is_kept_is_not_named_as_the_user(audit_log: AuditLog) -> None:
    audit_log.append_access(looked := access(user="Patient/marked", patient_id="marked"))
    assert audit_log.find_event(looked.event_id).body["user"] == "Patient"


def test_every_field_of_an_error_comes_back(audit_log: AuditLog) -> None:
    entry = error(status=503)

    audit_log.append_error(entry)

    stored = audit_log.find_event(entry.event_id)
    assert (stored.summary.outcome, stored.summary.status) == ("error", 503)
    assert (stored.body["code"], stored.body["message"]) == (entry.code, entry.message)


def test_every_field_of_a_feedback_comes_back_with_its_decision(audit_log: AuditLog) -> None:
    decided = decision()
    audit_log.append_decision(decided)
    entry = feedback(decided.cards[0]["uuid"])

    assert audit_log.append_feedback(entry) == 1

    stored = audit_log.find_event(entry.event_id)
    assert stored.decision_event_id == decided.event_id
    assert stored.body["override_reason"] == entry.override_reason
    assert stored.body["user_comment"] == "seen"
    assert audit_log.find_event(decided.event_id).feedback_event_ids == (entry.event_id,)


def test_the_same_feedback_again_adds_nothing(audit_log: AuditLog) -> None:
    there = NOON.astimezone(timezone(timedelta(hours=2)))  # the same moment, written elsewhere
    audit_log.append_feedback(feedback("card-1"))

    assert audit_log.append_feedback(feedback("card-1", outcome_timestamp=there)) == 0
    assert len(audit_log.list_events()) == 1
    assert audit_log.append_feedback(feedback("card-1", outcome="accepted")) == 1


def test_a_gap_that_is_shown_makes_the_decision_partial(audit_log: AuditLog) -> None:
    gap = Gap(kind="scores-missing", where="scoring", meaning="Nothing was scored.", shown=True)
    audit_log.append_decision(decision(gaps=[gap]))
    audit_log.append_decision(decision(cards=[]))

    assert [event.outcome for event in audit_log.list_events()] == ["no-card", "partial-data"]


def test_pages_follow_each_other_without_a_repeat(audit_log: AuditLog) -> None:
    entries = [decision() for _ in range(5)]
    for entry in entries:
        audit_log.append_decision(entry)

    first = audit_log.list_events(limit=3)
    second = audit_log.list_events(limit=3, before=first[-1].event_id)

    seen = [event.event_id for event in (*first, *second)]
    assert seen == [entry.event_id for entry in reversed(entries)]


def test_a_list_can_be_kept_to_a_hook_or_an_outcome(audit_log: AuditLog) -> None:
    audit_log.append_decision(decision(hook="patient-view"))
    audit_log.append_decision(decision())
    audit_log.append_error(error())

    assert [event.hook for event in audit_log.list_events(hook="patient-view")] == ["patient-view"]
    assert [event.kind for event in audit_log.list_events(outcome="refused")] == ["error"]


def test_an_unknown_event_is_an_error_that_says_where_to_look(audit_log: AuditLog) -> None:
    with pytest.raises(EventUnknown, match="lamo-cds audit list"):
        audit_log.find_event("no-such-event")


def test_what_a_database_refuses_is_written_out_and_said(audit_log: AuditLog) -> None:
    entry = decision(
        patient_id="a\x00b",
        scores=Table(columns=("label", "log_odds"), rows=[("half \ud83d", float("-inf"))]),
        cards=[{"summary": "pills 💊"}],
    )

    audit_log.append_decision(entry)

    body = audit_log.find_event(entry.event_id).body
    assert body["patient_id"] == "a\\u0000b"
    assert body["scores"] == [{"label": "half \\ud83d", "log_odds": "-Infinity"}]
    assert body["cards"][0]["summary"] == "pills 💊"
    assert body["escaped"] == ["patient_id", "scores.rows.0.0", "scores.rows.0.1"]


def test_a_very_long_id_is_kept_whole_in_the_body(audit_log: AuditLog) -> None:
    noise = "".join(json.dumps(number) for number in range(4000))  # an index would refuse it
    entry = decision(hook_instance=noise)

    audit_log.append_decision(entry)

    assert audit_log.find_event(entry.event_id).body["hook_instance"] == noise


def test_threads_that_write_at_once_lose_nothing(audit_log: AuditLog) -> None:
    entries = [decision() for _ in range(400)]

    with ThreadPoolExecutor(max_workers=8) as threads:
        list(threads.map(audit_log.append_decision, entries))

    written = {event.event_id for event in audit_log.list_events(limit=500)}
    assert written == {entry.event_id for entry in entries}


def test_the_same_feedback_from_many_threads_is_kept_once(audit_log: AuditLog) -> None:
    with ThreadPoolExecutor(max_workers=8) as threads:
        entries = [feedback("card-1") for _ in range(16)]
        added = list(threads.map(audit_log.append_feedback, entries))

    assert sorted(added) == [0] * 15 + [1]


@pytest.mark.parametrize("table", ["event", "card", "feedback"])
@pytest.mark.parametrize(
    "change", ["UPDATE {} SET event_id = 'x'", "DELETE FROM {}"], ids=["update", "delete"]
)
def test_the_database_refuses_to_change_a_row(
    audit_url: str, audit_keys: KeyService, table: str, change: str
) -> None:
    log = AuditLog(audit_url, audit_keys)
    entry = decision()
    log.append_decision(entry)
    log.append_feedback(feedback(entry.cards[0]["uuid"]))
    log.close()
    engine = open_engine(audit_url)

    with (
        pytest.raises(DBAPIError, match="never changed"),
        engine.begin() as connection,
    ):
        connection.execute(text(change.format(table)))
    engine.dispose()


def test_an_event_cannot_be_replaced_by_another_of_its_id(audit_log: AuditLog) -> None:
    entry = decision()
    audit_log.append_decision(entry)
    engine = audit_log._engine
    if engine.dialect.name != "sqlite":
        pytest.skip("only SQLite has INSERT OR REPLACE")
    replacing = "INSERT OR REPLACE INTO event SELECT * FROM event"

    with pytest.raises(DBAPIError, match="never changed"), engine.begin() as connection:
        connection.execute(text(replacing))


def test_a_look_for_a_patient_is_kept_under_their_key(audit_log: AuditLog) -> None:
    decided, entry = decision(), access(patient_client="https://ehr.example.org")
    audit_log.append_decision(decided)

    audit_log.append_access(entry)

    stored = audit_log.find_event(entry.event_id)
    assert stored.summary.patient == audit_log.find_event(decided.event_id).summary.patient
    assert (stored.body["patient_id"], stored.body["purpose"]) == ("patient-1", "a complaint")


def test_a_look_for_somebody_unknown_does_not_keep_who_that_is(audit_log: AuditLog) -> None:
    entry = access(patient_client="https://other.example.org")

    audit_log.append_access(entry)

    stored = audit_log.find_event(entry.event_id)
    assert (stored.body["patient_id"], stored.body["page"]) == (None, "search")


def test_a_change_and_what_is_said_of_it_are_kept_or_neither(audit_log: AuditLog) -> None:
    def change(connection: Connection) -> None:
        connection.execute(text("INSERT INTO hold VALUES ('all', '2026-03-01')"))
        raise EventUnknown("on purpose")

    entry = administration()
    with pytest.raises(EventUnknown, match="on purpose"):
        audit_log.append_administration(entry, change)

    assert audit_log.list_events() == []
    audit_log.append_administration(entry)
    assert audit_log.find_event(entry.event_id).body["reason"] == "too many cards"
