"""`lamo-cds audit` prints what is stored."""

import json

import pytest
from click.testing import CliRunner, Result

from cds_service.audit.cli import audit
from cds_service.audit.log import AuditLog
from tests.cds_service.audit.test_entries import decision, error, feedback

pytest_plugins = ["tests.cds_service.audit_fixtures"]


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
