"""What is protected is encrypted, and goes when it is told to; the events stay as they were."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect, text

from cds_service.answers import Answers
from cds_service.audit.database import open_engine
from cds_service.audit.entries import Table
from cds_service.audit.expiry import Gone
from cds_service.audit.keeping import EVERYBODY, HoldInPlace, Keeper, PatientUnknown
from cds_service.audit.log import AuditLog
from cds_service.audit.vault import Whom
from cds_service.keys.file_keys import FileKeys
from cds_service.keys.ring import KeyRing, new_ring
from cds_service.keys.service import KeyService
from fhir_mappings.record import Gap
from tests.cds_service.audit.test_entries import NOON, decision, error, feedback
from tests.waiting import WAIT_S

pytest_plugins = ["tests.cds_service.audit_fixtures"]

CLIENT = "https://ehr.example.org"
WHOM = Whom(client=CLIENT, patient_id="marked-patient")
ABOUT = {"card": "card-1", "rule": "allergy", "rxcui": "723", "basis": "critical marked-basis"}
CARD = {"uuid": "card-1", "summary": "marked-card", "suggestions": [{"uuid": "s1"}]}
LONG_FROM_NOW = datetime.now(UTC) + timedelta(days=3000)


def marked_decision(**changes: Any) -> Any:
    gap = Gap(kind="note-unread", where="marked-where", meaning="marked-meaning")
    marked: dict[str, Any] = {
        "patient_id": WHOM.patient_id,
        "encounter_id": "marked-encounter",
        "cards": [CARD],
        "about": [ABOUT],
        "scores": Table(columns=("label", "log_odds"), rows=[("marked-drug", 1.5)]),
        "notes": [{"document": "marked-document", "allergies": 2, "dropped": 0}],
        "prompt_sha256": "marked-prompt",
        "gaps": [gap],
        "findings": [{"summary": "marked-finding"}],
        "explained": [{"fact": "marked-fact"}],
    }
    return decision(**(marked | changes))


def marked_feedback(card: str = "card-1", **changes: Any) -> Any:
    reason = {"code": "marked-code", "system": "marked-system"}
    return feedback(card, override_reason=reason, user_comment="marked-comment", **changes)


def rows_of(database_url: str) -> list[tuple[str, str, Any]]:
    """Every value of every table: table, column, value."""
    engine = open_engine(database_url)
    found = []
    with engine.begin() as connection:
        for table in inspect(connection).get_table_names():
            for row in connection.execute(text(f"SELECT * FROM {table}")).mappings():  # noqa: S608
                found += [(table, name, value) for name, value in row.items()]
    engine.dispose()
    return found


def bodies_of(database_url: str) -> list[bytes]:
    found = rows_of(database_url)
    return [bytes(value) for table, name, value in found if (table, name) == ("event", "body")]


@pytest.fixture
def keeper(audit_url: str, audit_keys: KeyService) -> Iterator[Keeper]:
    made = Keeper(audit_url, audit_keys)
    yield made
    made.close()


@pytest.fixture
def log(audit_log: AuditLog) -> AuditLog:
    """With one event of every kind, of one patient and of none."""
    audit_log.append_decision(marked_decision())
    audit_log.append_feedback(
        marked_feedback(accepted_suggestions=("s1", "marked-other")),
        marked_feedback("marked-unknown-card"),
    )
    audit_log.append_error(error(message="marked-message"))
    return audit_log


def no_notes(patient_id: str) -> int:
    del patient_id
    return 0


def test_nothing_of_a_patient_is_in_any_column(
    log: AuditLog, keeper: Keeper, audit_url: str
) -> None:
    keeper.hold(WHOM)
    keeper.release(WHOM)

    values = rows_of(audit_url)
    assert {kind for table, name, kind in values if (table, name) == ("event", "kind")} == {
        "decision", "feedback", "error", "retention"
    }  # fmt: skip
    assert [(table, name) for table, name, value in values if "marked" in str(value)] == []


def test_what_is_protected_comes_back_with_the_keys_and_not_without(
    log: AuditLog, audit_url: str
) -> None:
    event = log.list_events(patient=WHOM)[-1]
    other = AuditLog(audit_url, FileKeys(new_ring()), timeout_s=60)
    open_, closed = log.find_event(event.event_id), other.find_event(event.event_id)
    other.close()

    assert (open_.protected, closed.protected) == ("open", "closed")
    assert open_.body["cards"] == [CARD]
    assert open_.body["about"] == [ABOUT]
    assert open_.body["scores"] == [{"label": "marked-drug", "log_odds": 1.5}]
    assert b"marked" not in json.dumps(closed.body).encode()
    assert closed.body["gap_counts"] == {"note-unread": 1}
    assert closed.body["note_counts"]["allergies"] == 2


def test_a_body_is_tied_to_its_payload_and_a_payload_to_its_event(
    log: AuditLog, audit_url: str
) -> None:
    engine = open_engine(audit_url)
    query = "SELECT e.body, p.ciphertext FROM event e JOIN payload p ON p.event_id = e.event_id"
    with engine.begin() as connection:
        rows = connection.execute(text(query)).all()
    with pytest.raises(Exception, match="never changed"), engine.begin() as connection:
        connection.execute(text("UPDATE payload SET ciphertext = ciphertext"))
    engine.dispose()

    assert len(rows) == 4
    for body, ciphertext in rows:
        assert json.loads(body)["payload_sha256"] == sha256(ciphertext).hexdigest()


def test_an_erased_patient_is_nowhere_and_every_event_is_as_it_was(
    log: AuditLog, keeper: Keeper, audit_url: str
) -> None:
    ids = [one.event_id for one in log.list_events(patient=WHOM)]
    (pid,) = {one.patient for one in log.list_events(patient=WHOM)}
    before = bodies_of(audit_url)
    assert log.overridden(WHOM, "Practitioner/example", NOON).by_user

    assert keeper.erase(WHOM, lambda _: 2) == Gone(payloads=2, patients=1, note_digests=2)

    assert [log.find_event(one).protected for one in ids] == ["gone", "gone"]
    assert log.list_events(patient=WHOM) == []
    assert log.overridden(WHOM, "Practitioner/example", NOON) == Answers()
    after = bodies_of(audit_url)
    assert set(before) < set(after)
    (said,) = (json.loads(body) for body in set(after) - set(before))
    assert (said["kind"], said["action"], said["patient"]) == ("retention", "erase-patient", pid)
    assert said["counts"]["payloads"] == 2
    assert {table for table, _, value in rows_of(audit_url) if value == pid} == {"event"}


def test_the_key_of_an_erased_patient_leaves_the_files(
    log: AuditLog, keeper: Keeper, audit_url: str
) -> None:
    if not audit_url.startswith("sqlite"):
        pytest.skip("PostgreSQL reuses the place and does not zero it")
    for number in range(300):  # so that pages of keys are split
        log.append_decision(decision(patient_id=f"patient-{number}"))
    engine = open_engine(audit_url)
    with engine.begin() as connection:
        pid = log.list_events(patient=WHOM)[0].patient
        wrapped = connection.scalar(
            text("SELECT wrapped_key FROM patient WHERE pid = :pid"), {"pid": pid}
        )
    engine.dispose()

    path = Path(audit_url.removeprefix("sqlite:///"))
    files = (path, path.with_name(f"{path.name}-wal"))
    assert any(wrapped in file.read_bytes() for file in files)

    keeper.erase(WHOM, no_notes)

    assert not any(wrapped in file.read_bytes() for file in files)


def test_what_comes_after_the_erasure_is_of_another_pid(log: AuditLog, keeper: Keeper) -> None:
    pid = log.list_events(patient=WHOM)[0].patient
    keeper.erase(WHOM, no_notes)

    assert log.append_feedback(marked_feedback(outcome="accepted")) == 1
    late = log.list_events(limit=1)[0]
    assert (late.patient, log.find_event(late.event_id).protected) == (pid, "gone")
    log.append_decision(marked_decision(cards=[], about=[]))
    (again,) = log.list_events(patient=WHOM)
    assert again.patient != pid


def test_the_same_id_of_another_client_is_not_erased(log: AuditLog, keeper: Keeper) -> None:
    other = Whom(client="https://other.example.org", patient_id=WHOM.patient_id)
    log.append_decision(marked_decision(client=other.client, cards=[], about=[]))
    keeper.erase(WHOM, no_notes)

    assert [one.patient_id for one in log.list_events(patient=other)] == [WHOM.patient_id]
    with pytest.raises(PatientUnknown, match="nothing is kept"):
        keeper.erase(WHOM, no_notes)


def test_writers_beside_an_erasure_lose_nothing(log: AuditLog, keeper: Keeper) -> None:
    entries = [marked_decision(cards=[], about=[]) for _ in range(60)]
    erasing = threading.Event()

    def write() -> None:
        for entry in entries:
            log.append_decision(entry)
            erasing.set()

    thread = threading.Thread(target=write)
    thread.start()
    assert erasing.wait(WAIT_S)
    keeper.erase(WHOM, no_notes)
    thread.join()

    states = [log.find_event(entry.event_id).protected for entry in entries]
    assert states == sorted(states, key=("gone", "open").index)


def test_what_has_expired_is_purged_with_its_keys(log: AuditLog, keeper: Keeper) -> None:
    assert keeper.purge(datetime(2020, 1, 1, tzinfo=UTC)) == Gone(payloads=0, patients=0)
    assert keeper.due(LONG_FROM_NOW) == Gone(payloads=4, patients=1, periods=1)
    assert keeper.purge(LONG_FROM_NOW) == Gone(payloads=4, patients=1, periods=1)

    assert keeper.due(LONG_FROM_NOW) == Gone(payloads=0, patients=0)
    events = log.list_events()
    assert [one.kind for one in events].count("retention") == 1
    assert {log.find_event(one.event_id).protected for one in events} == {"gone"}


def test_what_is_held_is_neither_purged_nor_erased(log: AuditLog, keeper: Keeper) -> None:
    keeper.hold(WHOM)
    with pytest.raises(HoldInPlace, match="this patient is under a legal hold"):
        keeper.erase(WHOM, no_notes)
    assert keeper.purge(LONG_FROM_NOW) == Gone(payloads=2, patients=0, periods=1)
    assert len(log.list_events(patient=WHOM)) > 0

    keeper.hold(None)
    assert EVERYBODY in keeper.holds()
    with pytest.raises(HoldInPlace, match="everybody is under a legal hold"):
        keeper.purge(LONG_FROM_NOW)
    assert [keeper.release(None), keeper.release(WHOM), keeper.release(WHOM)] == [True, True, False]
    assert keeper.purge(LONG_FROM_NOW) == Gone(payloads=2, patients=1)


def test_rotated_keys_open_everything_and_payloads_are_untouched(
    audit_url: str, audit_ring: KeyRing, log: AuditLog
) -> None:
    ring = audit_ring.rotated()
    payloads = [value for _, name, value in rows_of(audit_url) if name == "ciphertext"]
    keeper = Keeper(audit_url, FileKeys(ring))

    assert [keeper.rotate(), keeper.rotate()] == [2, 0]
    keeper.close()

    assert [value for _, name, value in rows_of(audit_url) if name == "ciphertext"] == payloads
    found = {value for _, name, value in rows_of(audit_url) if name == "key_id"}
    assert found == {ring.current}
    alone = {ring.current: ring.tenant_keys[ring.current]}
    newest = AuditLog(audit_url, FileKeys(replace(ring, tenant_keys=alone)), timeout_s=60)
    assert [one.patient_id for one in newest.list_events(patient=WHOM)][-1] == WHOM.patient_id
    newest.close()
