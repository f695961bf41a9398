"""Revision 0005: what stood in the clear is encrypted, nothing is lost, and it all goes back."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import text

from cds_service.audit.database import AuditFailure, open_engine
from cds_service.audit.log import AuditLog
from cds_service.audit.migrate import downgrade, upgrade
from cds_service.audit.vault import Whom
from cds_service.keys.service import KeyService
from tests.cds_service.audit.old_rows import old_body, store_old, stored_bodies
from tests.cds_service.audit.test_entries import NOON, decision, error, feedback

pytest_plugins = ["tests.cds_service.audit_fixtures"]

CLIENT = "https://ehr.example.org"
ABOUT = {"card": "card-1", "rule": "allergy", "rxcui": "723", "basis": "marked-basis"}


def old_events() -> list[dict[str, Any]]:
    card = {"uuid": "card-1", "summary": "marked-summary", "suggestions": [{"uuid": "s1"}]}
    decided = decision(patient_id="marked-patient", cards=[card], about=[ABOUT])
    link: dict[str, Any] = {
        "decision_event_id": decided.event_id,
        "not_linked": None,
        "unknown_suggestions": [],
    }
    none = link | {
        "decision_event_id": None,
        "not_linked": "unknown card",
        "unknown_suggestions": [],
    }
    return [
        old_body(decided),
        old_body(error(message="marked-message")),
        old_body(feedback("card-1", user_comment="marked-comment"), **link),
        old_body(feedback("marked-card"), **none),
    ]


@pytest.fixture
def old_url(audit_url: str) -> str:
    """A database of the release before, with events of every kind."""
    downgrade(audit_url, "0004")
    store_old(audit_url, *old_events())
    return audit_url


def files_of(database_url: str, server: Any) -> list[Path]:
    """The files of the database that hold rows; PostgreSQL's after a checkpoint."""
    if database_url.startswith("sqlite"):
        path = Path(urlsplit(database_url).path.removeprefix("/"))
        return list(Path("/").joinpath(path).parent.glob("audit.db*"))
    engine = open_engine(database_url, timeout_s=300).execution_options(
        isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        connection.execute(text("CHECKPOINT"))
        oid = connection.scalar(
            text("SELECT oid FROM pg_database WHERE datname = current_database()")
        )
    engine.dispose()
    folder: Path = server.folder / "data" / "base" / str(oid)
    return [path for path in folder.iterdir() if path.is_file()]


def test_every_event_comes_back_as_it_was(old_url: str, audit_keys: KeyService) -> None:
    before = stored_bodies(old_url)
    upgrade(old_url, audit_keys)

    log = AuditLog(old_url, audit_keys, timeout_s=60)
    for body in before:
        found = log.find_event(body["event_id"])
        assert found.protected == "open"
        changed = {"schema_version", "decision_event_id", "not_linked"}
        assert {name: found.body[name] for name in body.keys() - changed} == {
            name: value for name, value in body.items() if name not in changed
        }
    log.close()
    downgrade(old_url, "0004", audit_keys)
    assert stored_bodies(old_url) == before


def test_nothing_marked_is_left_in_the_clear(
    old_url: str, audit_keys: KeyService, request: pytest.FixtureRequest
) -> None:
    upgrade(old_url, audit_keys)

    server = None
    if not old_url.startswith("sqlite"):
        server = request.getfixturevalue("postgres_server")
    files = files_of(old_url, server)
    assert files
    assert [path for path in files if b"marked-" in path.read_bytes()] == []


def test_older_overrides_and_patients_are_found(old_url: str, audit_keys: KeyService) -> None:
    upgrade(old_url, audit_keys)

    log = AuditLog(old_url, audit_keys, timeout_s=60)
    whom = Whom(client=CLIENT, patient_id="marked-patient")
    found = log.overridden(whom, "Practitioner/example", NOON)
    assert found.is_by_user(("allergy", "723", "marked-basis"))
    assert not found.is_by_user(("allergy", "723", "another"))
    assert [one.kind for one in log.list_events(patient=whom)] == ["feedback", "decision"]
    assert log.append_feedback(feedback("marked-card")) == 0  # it was told before
    log.close()


def test_events_are_not_parted_without_keys(old_url: str) -> None:
    before = stored_bodies(old_url)

    with pytest.raises(AuditFailure) as refusal:
        upgrade(old_url)
    assert "LAMO_KEYS" in refusal.value.reason
    assert stored_bodies(old_url) == before


def test_the_log_is_closed_again_after_both_ways(old_url: str, audit_keys: KeyService) -> None:
    for is_up in (True, False):
        if is_up:
            upgrade(old_url, audit_keys)
        else:
            downgrade(old_url, "0004", audit_keys)
        engine = open_engine(old_url)
        for change in ("DELETE FROM event", "UPDATE feedback SET outcome = 'accepted'"):
            with pytest.raises(Exception, match="never changed"), engine.begin() as connection:
                connection.execute(text(change))
        engine.dispose()
