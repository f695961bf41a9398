"""A log of a few events behind the pages."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cds_service.audit.entries import DecisionEntry
from cds_service.audit.log import AuditLog
from tests.cds_service.audit.read_model_fixtures import about, derive_all
from tests.cds_service.audit.test_entries import decision, feedback
from tests.cds_service.reviewer.signing_in import CSRF
from tests.cds_service.sqlite_only import database_server

__all__ = ["database_server"]  # the pages do not know which database it is

CLIENT = "https://ehr.example.org"
OF_PATIENT = {
    "csrf": CSRF,
    "patient_client": CLIENT,
    "patient_id": "marked-patient",
    "purpose": "a complaint of them",
}


@pytest.fixture
def derive(audit_url: str, var_dir: Path) -> Callable[[], None]:
    """Has the read model follow everything that was written."""
    return lambda: derive_all(audit_url, var_dir)


@pytest.fixture
def written(audit_log: AuditLog, derive: Callable[[], None]) -> DecisionEntry:
    """A decision about warfarin for a marked patient, and what was said of its card."""
    entry = decision(
        patient_id="marked-patient",
        cards=[{"uuid": "card-1", "summary": "One"}],
        about=[about("card-1", "interaction", "11289")],
    )
    audit_log.append_decision(entry)
    audit_log.append_feedback(feedback("card-1"))
    derive()
    return entry
