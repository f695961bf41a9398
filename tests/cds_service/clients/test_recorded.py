"""Every change of the registry is an event that says which members, and holds no key."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from cds_service.audit.log import AuditLog
from cds_service.cli import main
from cds_service.keys.building import build_keys
from cds_service.settings import Settings
from tests.cds_service.clients.conftest import SIGNER
from tests.tokens import ISSUER


@pytest.fixture
def log(tmp_path: Path) -> Iterator[AuditLog]:
    """The log behind the command line, where a client is registered."""
    (tmp_path / "jwks.json").write_text(json.dumps(SIGNER.jwks))
    run(tmp_path, "add", "ehr-1", "--issuer", ISSUER, "--jwks", str(tmp_path / "jwks.json"))
    settings = Settings(var_dir=tmp_path)
    made = AuditLog(settings.database_url, build_keys(settings))
    yield made
    made.close()


def run(folder: Path, *arguments: str) -> str:
    told = CliRunner().invoke(main, ["clients", *arguments], env={"VAR_DIR": str(folder)})
    return told.output


def events(log: AuditLog) -> list[tuple[str, str, list[str]]]:
    bodies = [log.find_event(event.event_id).body for event in reversed(log.list_events())]
    return [(one["action"], one["subject"], one["details"]["members"]) for one in bodies]


def test_each_command_leaves_one_event(log: AuditLog, tmp_path: Path) -> None:
    run(tmp_path, "set", "ehr-1", "--tenant", "t1", "--longest-token-s", "300")
    run(tmp_path, "rotate", "ehr-1", "--jwks", str(tmp_path / "jwks.json"))
    for command in ("disable", "enable", "remove"):
        run(tmp_path, command, "ehr-1")
    assert events(log) == [
        ("add-client", "ehr-1", ["issuer", "jwks"]),
        ("set-client", "ehr-1", ["longest_token_s", "tenants"]),
        ("rotate-client-keys", "ehr-1", ["jwks", "jwks_url"]),
        ("disable-client", "ehr-1", ["disabled_at"]),
        ("enable-client", "ehr-1", ["disabled_at"]),
        ("remove-client", "ehr-1", []),
    ]


def test_no_value_of_a_client_stands_in_an_event(log: AuditLog) -> None:
    [event] = log.list_events()
    said = json.dumps(log.find_event(event.event_id).body)
    assert ISSUER not in said
    assert SIGNER.jwks["keys"][0]["x"] not in said


def test_what_is_refused_leaves_no_event(log: AuditLog, tmp_path: Path) -> None:
    assert "the database has no client 'x'" in run(tmp_path, "disable", "x")
    assert len(log.list_events()) == 1
