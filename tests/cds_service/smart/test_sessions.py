"""Rows of the app's sessions: they go when their time is over, and when a patient is erased."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine, func, select

from cds_service.audit.database import open_engine
from cds_service.audit.keeping import Keeper
from cds_service.audit.log import AuditLog
from cds_service.audit.vault import Whom
from cds_service.keys.service import KeyService
from cds_service.smart.models import SmartSessionRow
from cds_service.smart.sessions import Session, SmartSessions
from tests.cds_service.audit.test_entries import decision
from tests.cds_service.smart.hospitals import Clock

pytest_plugins = ["tests.cds_service.audit_fixtures"]

SESSION = Session(
    client="https://ehr.example.org",
    base="https://ehr.example.org/fhir",
    event_id="event-1",
    user="Practitioner/1",
    patient_id="patient-1",
    token="token-1",
)


@pytest.fixture
def engine(audit_url: str) -> Engine:
    return open_engine(audit_url)


def rows(engine: Engine) -> int:
    with engine.begin() as connection:
        return connection.scalar(select(func.count(SmartSessionRow.digest))) or 0


def test_a_look_removes_the_sessions_that_are_over(engine: Engine, audit_keys: KeyService) -> None:
    clock = Clock()
    sessions = SmartSessions(engine, audit_keys, clock)
    short = sessions.open(SESSION, timedelta(minutes=5))
    cookie = sessions.open(SESSION)
    assert (sessions.find(short), rows(engine)) == (SESSION, 2)
    clock.ahead = timedelta(minutes=6)
    assert (sessions.find(cookie), sessions.find(short)) == (SESSION, None)
    assert rows(engine) == 1
    engine.dispose()


def test_no_session_outlives_the_erasure_of_a_patient(
    audit_log: AuditLog, engine: Engine, audit_url: str, audit_keys: KeyService
) -> None:
    audit_log.append_decision(decision())
    sessions = SmartSessions(engine, audit_keys, Clock())
    cookie = sessions.open(SESSION)
    keeper = Keeper(audit_url, audit_keys)
    keeper.erase(Whom(client=SESSION.client, patient_id="patient-1"), lambda patient_id: 0)
    keeper.close()
    assert (sessions.find(cookie), rows(engine)) == (None, 0)
    engine.dispose()
