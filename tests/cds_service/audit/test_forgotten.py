"""A payload that is gone without an erasure or a purge is found, and one that went by these is not.

What is done to rows of cards and feedback is in the drill (test_evidence.py).
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import delete

from cds_service.audit.database import open_engine
from cds_service.audit.forgotten import Forgotten
from cds_service.audit.ids import first_event_id
from cds_service.audit.keeping import Keeper
from cds_service.audit.log import AuditLog
from cds_service.audit.models import PayloadRow
from cds_service.audit.sequencer import sequence_all
from cds_service.audit.vault import Whom
from cds_service.keys.service import KeyService
from tests.cds_service.audit.evidence_fixtures import failed_checks, var_dir
from tests.cds_service.audit.test_entries import access, decision, feedback

pytest_plugins = ["tests.cds_service.audit_fixtures"]
__all__ = ["var_dir"]

WHOM = Whom(client="https://ehr.example.org", patient_id="patient-1")


def test_a_payload_deleted_by_somebody_else_is_found(
    audit_log: AuditLog, audit_url: str, var_dir: Path
) -> None:
    entry = decision()
    audit_log.append_decision(entry)
    sequence_all(audit_url, var_dir)
    assert failed_checks(audit_url, var_dir) == []
    engine = open_engine(audit_url)
    with engine.begin() as connection:
        connection.execute(delete(PayloadRow).where(PayloadRow.event_id == entry.event_id))
    engine.dispose()
    assert failed_checks(audit_url, var_dir) == ["payloads"]


def test_what_was_erased_and_feedback_that_comes_late_are_no_findings(
    audit_log: AuditLog, audit_url: str, audit_keys: KeyService, var_dir: Path
) -> None:
    entry = decision()
    audit_log.append_decision(entry)
    keeper = Keeper(audit_url, audit_keys)
    keeper.erase(WHOM, lambda patient_id: 0)
    keeper.close()
    reports = (feedback(entry.cards[0]["uuid"]), feedback("no card of ours"))
    assert audit_log.append_feedback(*reports) == 2
    audit_log.append_access(access())
    sequence_all(audit_url, var_dir)
    assert failed_checks(audit_url, var_dir) == []


def test_a_purge_accounts_for_what_is_older_and_for_nothing_else(
    audit_log: AuditLog, audit_url: str, audit_keys: KeyService, var_dir: Path
) -> None:
    audit_log.append_decision(decision())
    moment = datetime.now(UTC)
    keeper = Keeper(audit_url, audit_keys)
    keeper.purge(moment)
    keeper.close()
    audit_log.append_decision(decision(patient_id="patient-2"))
    sequence_all(audit_url, var_dir)
    assert failed_checks(audit_url, var_dir) == []
    delete_all_payloads(audit_url)
    assert failed_checks(audit_url, var_dir) == ["payloads"]


def test_a_purge_of_days_to_come_accounts_for_nothing_that_came_after_it(
    audit_log: AuditLog, audit_url: str, audit_keys: KeyService, var_dir: Path
) -> None:
    audit_log.append_decision(decision())
    keeper = Keeper(audit_url, audit_keys)
    keeper.purge(datetime.now(UTC) + timedelta(days=9000))
    keeper.close()
    sequence_all(audit_url, var_dir)
    assert failed_checks(audit_url, var_dir) == []
    audit_log.append_decision(decision(patient_id="patient-2"))
    sequence_all(audit_url, var_dir)
    delete_all_payloads(audit_url)
    assert failed_checks(audit_url, var_dir) == ["payloads"]


def test_a_purge_accounts_for_nobody_who_was_held_when_it_began(
    audit_log: AuditLog, audit_url: str, audit_keys: KeyService, var_dir: Path
) -> None:
    audit_log.append_decision(decision())
    audit_log.append_decision(decision(patient_id="patient-2"))
    keeper = Keeper(audit_url, audit_keys)
    keeper.hold(None)
    keeper.release(None)
    keeper.hold(WHOM)
    keeper.purge(datetime.now(UTC))
    sequence_all(audit_url, var_dir)
    assert failed_checks(audit_url, var_dir) == []
    keeper.release(WHOM)
    delete_all_payloads(audit_url)
    sequence_all(audit_url, var_dir)
    assert failed_checks(audit_url, var_dir) == ["payloads"]
    keeper.erase(WHOM, lambda patient_id: 0)
    keeper.close()
    sequence_all(audit_url, var_dir)
    assert failed_checks(audit_url, var_dir) == []


def test_a_purge_while_everybody_is_held_accounts_for_nothing() -> None:
    found = Forgotten()
    moment = "2026-01-01T00:00:00Z"
    purge: dict[str, Any] = {"action": "purge", "patient": None, "recorded_at": moment}
    purge["counts"] = {"before": moment}
    found.take({"action": "hold-add", "patient": None})
    found.take(purge)
    old = first_event_id(datetime(2020, 1, 1, tzinfo=UTC))
    assert not found.covers(old, None)
    found.take({"action": "hold-remove", "patient": None})
    found.take(purge)
    assert found.covers(old, None)


def delete_all_payloads(audit_url: str) -> None:
    engine = open_engine(audit_url)
    with engine.begin() as connection:
        connection.execute(delete(PayloadRow))
    engine.dispose()
