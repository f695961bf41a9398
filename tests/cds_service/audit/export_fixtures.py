"""A log with one event of every kind, and exports of it."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cds_service.audit.cli import audit
from cds_service.audit.keeping import Keeper
from cds_service.audit.log import AuditLog
from cds_service.audit.vault import Whom
from cds_service.keys.ring import KeyRing
from cds_service.keys.service import KeyService
from tests.cds_service.audit.test_entries import access, administration, decision, error, feedback

SUGGESTION = "7f8f0d4e-92a4-4b0e-a4a3-0d3b5f6b1c11"
REMOVAL = "7f8f0d4e-92a4-4b0e-a4a3-0d3b5f6b1c12"
DRAFT = {
    "resourceType": "MedicationRequest",
    "status": "draft",
    "intent": "order",
    "medicationCodeableConcept": {"text": "Metformin"},
    "subject": {"reference": "Patient/patient-1"},
    "reasonCode": [{"text": "diabetes of marker-person"}],
}
MODEL = {
    "name": "demo",
    "version": "1.0",
    "sha256": "2" * 64,
    "adapters": {"group-1": "1" * 64},
    "knowledge": "2026-01",
}
CARD = {
    "uuid": "0b0b0d4e-92a4-4b0e-a4a3-0d3b5f6b1c13",
    "summary": "Consider Metformin",
    "suggestions": [
        {"label": "Add", "uuid": SUGGESTION, "actions": [{"type": "create", "resource": DRAFT}]},
        {
            "label": "Remove",
            "uuid": REMOVAL,
            "actions": [{"type": "delete", "resourceId": "MedicationRequest/order-of-marker"}],
        },
    ],
}
WHOM = Whom(client="https://ehr.example.org", patient_id="patient-1")


@pytest.fixture
def of_every_kind(audit_log: AuditLog, audit_url: str, audit_keys: KeyService) -> str:
    """The URL of a log with an event of every kind."""
    fill_with_every_kind(audit_log, audit_url, audit_keys)
    return audit_url


def fill_with_every_kind(log: AuditLog, url: str, keys: KeyService) -> None:
    """Write nine events, one of which is an override and one feedback on no card of ours."""
    suppressed = [{"rule": "interaction", "rxcuis": [], "why": "policy"}]
    log.append_decision(decision(cards=[CARD], model=MODEL, suppressed=suppressed))
    log.append_decision(decision(client="ehr-7", cards=[], user=None))
    log.append_feedback(feedback(CARD["uuid"]), feedback("no card of ours"))  # type: ignore[arg-type]
    log.append_error(error(client="https://ehr.example.org"))
    log.append_access(access())
    log.append_access(access(outcome="denied", patient_client=None, patient_id=None))
    log.append_administration(administration())
    keeper = Keeper(url, keys)
    keeper.hold(WHOM)
    keeper.close()


@pytest.fixture(autouse=True)
def keys_in_the_settings(monkeypatch: pytest.MonkeyPatch, audit_ring: KeyRing) -> None:
    """Commands of the tests find the keys of the log."""
    monkeypatch.setenv("LAMO_KEYS", audit_ring.to_text())


def run(url: str, *arguments: str) -> Result:
    """A command of `lamo-cds audit`."""
    return CliRunner().invoke(audit, ["--database-url", url, *arguments])


def exported(url: str, form: str, folder: Path, *more: str) -> list[dict[str, Any]]:
    """The resources of an export."""
    path = folder / form
    result = run(url, "export", "--format", form, "--out", str(path), *more)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in path.read_text().splitlines()]
