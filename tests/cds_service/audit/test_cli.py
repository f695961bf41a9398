"""`lamo-cds audit` prints what is stored."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cds_service.audit.cli import audit
from cds_service.audit.ids import first_event_id
from cds_service.audit.log import AuditLog
from cds_service.keys.ring import KeyRing
from tests.cds_service.audit.test_entries import decision, error, feedback

pytest_plugins = ["tests.cds_service.audit_fixtures"]

PATIENT = ("--client", "https://ehr.example.org", "--patient", "patient-1")


@pytest.fixture(autouse=True)
def keys_in_the_settings(monkeypatch: pytest.MonkeyPatch, audit_ring: KeyRing) -> None:
    monkeypatch.setenv("LAMO_KEYS", audit_ring.to_text())


def run(database_url: str, *arguments: str) -> Result:
    return CliRunner().invoke(audit, ["--database-url", database_url, *arguments])


def test_list_prints_a_line_for_each_event(audit_log: AuditLog, audit_url: str) -> None:
    audit_log.append_decision(entry := decision())
    audit_log.append_error(error())

    lines = run(audit_url, "list").output.splitlines()

    assert lines[0].split("  ")[0] == "time"
    assert "refused" in lines[1]
    assert lines[2].split()[1:] == [
        entry.event_id, "decision", "order-sign", "patient-1", "2", "200", "ok"
    ]  # fmt: skip


def test_list_gives_json_and_takes_filters(audit_log: AuditLog, audit_url: str) -> None:
    audit_log.append_decision(decision())
    audit_log.append_decision(entry := decision(hook="patient-view"))

    result = run(audit_url, "list", "--json", "--hook", "patient-view", "--limit", "5")

    assert [json.loads(line)["event_id"] for line in result.output.splitlines()] == [entry.event_id]


def test_show_prints_everything_in_words(audit_log: AuditLog, audit_url: str) -> None:
    audit_log.append_decision(entry := decision(user="Practitioner/\x1b[2Jx"))
    audit_log.append_feedback(said := feedback(entry.cards[0]["uuid"]))

    output = run(audit_url, "show", entry.event_id).output

    assert output.startswith(f"event_id: {entry.event_id}\nkind: decision\noutcome: ok\n")
    assert "  - label=Metformin  log_odds=-1.25\n" in output
    assert "user: Practitioner/\\x1b[2Jx\n" in output  # nothing stored steers the terminal
    assert said.event_id in output


def test_show_gives_the_body_as_json(audit_log: AuditLog, audit_url: str) -> None:
    audit_log.append_decision(entry := decision())

    shown = json.loads(run(audit_url, "show", entry.event_id, "--json").output)

    assert shown["body"]["cards"] == entry.cards


def test_an_unknown_event_is_refused(audit_url: str) -> None:
    result = run(audit_url, "show", "no-such-event")

    assert result.exit_code == 1
    assert "no event has the id" in result.output


def test_upgrade_makes_the_tables(empty_url: str) -> None:
    assert run(empty_url, "upgrade").exit_code == 0
    assert run(empty_url, "list").exit_code == 0


def test_without_an_option_the_settings_name_the_database(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("var")

    result = CliRunner().invoke(audit, ["upgrade"], env={"VAR_DIR": str(folder)})

    assert result.exit_code == 0, result.output
    assert [file.name for file in folder.iterdir()] == ["audit.db"]


def test_without_the_keys_the_bodies_are_shown_and_that_is_said(
    audit_log: AuditLog, audit_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    audit_log.append_decision(entry := decision())
    monkeypatch.delenv("LAMO_KEYS")
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "none"))

    shown = run(audit_url, "show", entry.event_id)

    assert "not at hand" in shown.stderr
    assert "patient-1" not in shown.output
    assert "LAMO_KEYS" in run(audit_url, "list", *PATIENT).output
    assert not (tmp_path / "none").exists()


def test_a_patient_is_found_held_and_erased_by_the_typed_id(
    audit_log: AuditLog, audit_url: str
) -> None:
    audit_log.append_decision(entry := decision())
    assert entry.event_id in run(audit_url, "list", *PATIENT).output

    assert run(audit_url, "hold", "add", *PATIENT).output == "ok: it is held\n"
    assert "under a legal hold" in run(audit_url, "erase-patient", *PATIENT, "--yes").output
    assert len(run(audit_url, "hold", "list").output.splitlines()) == 1
    assert run(audit_url, "hold", "remove", *PATIENT).output == "ok: it is held no more\n"

    assert "ok: 1 payloads, 1 keys" in run(audit_url, "erase-patient", *PATIENT, "--yes").output
    assert "nothing is kept" in run(audit_url, "erase-patient", *PATIENT, "--yes").output
    assert "the patient was erased" in run(audit_url, "show", entry.event_id).stderr


def test_an_erasure_looks_first_and_asks_then(audit_log: AuditLog, audit_url: str) -> None:
    typed = ["--database-url", audit_url, "erase-patient", *PATIENT, "--json"]
    unknown = CliRunner().invoke(audit, typed, input="y\n")
    assert (unknown.exit_code, unknown.stdout) == (1, "")
    assert unknown.stderr.startswith("Error: nothing is kept of this patient")  # and is not asked

    audit_log.append_decision(entry := decision())
    refused = CliRunner().invoke(audit, typed, input="n\n")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "(1 payloads, 1 keys of patients). Go on?" in refused.stderr
    assert audit_log.find_event(entry.event_id).protected == "open"

    done = CliRunner().invoke(audit, typed, input="y\n")
    assert json.loads(done.stdout)["payloads"] == 1


def test_what_has_expired_is_counted_and_purged(audit_log: AuditLog, audit_url: str) -> None:
    a_year_ago = datetime.now(UTC) - timedelta(days=365)
    audit_log.append_decision(decision(event_id=first_event_id(a_year_ago)))
    audit_log.append_decision(decision())

    assert "ok: 0 payloads" in run(audit_url, "purge", "--dry-run").output
    day = f"{datetime.now(UTC) - timedelta(days=185):%Y-%m-%d}"
    assert "ok: 1 payloads" in run(audit_url, "purge", "--dry-run", "--before", day).output
    deleted = run(audit_url, "purge", "--yes", "--before", day).output
    assert "ok: 1 payloads" in deleted
    assert f"are deleted, before {day}" in deleted
    assert "name --dry-run or --yes" in run(audit_url, "purge").output


@pytest.mark.parametrize("days", [-30_000, 0, 183])
def test_what_is_young_or_yet_to_come_is_not_purged(
    audit_log: AuditLog, audit_url: str, days: int
) -> None:
    audit_log.append_decision(entry := decision())
    day = f"{datetime.now(UTC) - timedelta(days=days):%Y-%m-%d}"
    refused = run(audit_url, "purge", "--yes", "--before", day)
    assert refused.exit_code == 2
    assert f"--before {day} is too late" in refused.output
    assert audit_log.find_event(entry.event_id).protected == "open"


def test_keys_are_rotated_in_two_steps(
    audit_log: AuditLog,
    audit_url: str,
    audit_ring: KeyRing,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    audit_log.append_decision(decision())
    assert "in LAMO_KEYS" in run(audit_url, "rotate-keys", "--new-key").output
    monkeypatch.delenv("LAMO_KEYS")
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    (tmp_path / "keys.json").write_text(audit_ring.to_text())
    (tmp_path / "keys.json").chmod(0o600)

    assert "is the newest tenant key" in run(audit_url, "rotate-keys", "--new-key").output
    assert "ok: 1 keys were under older" in run(audit_url, "rotate-keys").output
    assert "patient-1" in run(audit_url, "list", *PATIENT).output
