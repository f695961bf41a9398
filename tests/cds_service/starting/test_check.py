"""`lamo-cds check` says what serve refuses, in its words, and changes nothing."""

import json
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cds_service.audit.migrate import upgrade
from cds_service.cli import main
from cds_service.settings import Settings
from cds_service.starting.check import Line, look
from cds_service.starting.needs import NEEDS

READY = {
    "LAMO_MODE": "production",
    "LAMO_PUBLIC_URL": "https://cds.example.org",
    "LAMO_ALLOW_DEMONSTRATION": "true",
}


def run(folder: Path, command: str, *options: str, **environment: str) -> Result:
    env = {"VAR_DIR": str(folder)} | environment
    return CliRunner().invoke(main, [command, *options], env=env)


def found(settings: Settings) -> dict[str, Line]:
    return {line.name: line for line in look(settings)}


def test_a_fresh_machine_is_ready_and_left_as_it_was(tmp_path: Path) -> None:
    told = run(tmp_path / "var", "check", "--json")
    lines = [json.loads(line) for line in told.output.splitlines()]
    late = [line["name"] for line in lines if line["verdict"] != "ok"]
    assert (told.exit_code, late) == (0, ["clock"])
    assert {need.name for need in NEEDS} <= {line["name"] for line in lines}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({"LAMO_ARTIFACT": "/nowhere"}, "models"),
        ({"LAMO_CARD_POLICY": "/nowhere"}, "card policy"),
        ({"LAMO_SITE_ATTRIBUTES": "/nowhere"}, "site attributes"),
        ({"LAMO_FHIR_CA_FILE": "/nowhere"}, "authorities"),
        ({"LAMO_SCORER_URL": "http://127.0.0.1:9"}, "scoring"),
        ({"LAMO_NOTES_URL": "http://127.0.0.1:9/v1", "LAMO_NOTES_MODEL": "m"}, "notes"),
        ({"LAMO_MODE": "production"}, "mode"),
        (READY, "clients"),
        ({"LAMO_KEYS": "no keys"}, "keys"),
        ({"LAMO_PUBLIC_URL": "nonsense"}, "settings"),
    ],
)
def test_what_stops_a_start_fails_the_check_in_the_same_words(
    tmp_path: Path, environment: dict[str, str], name: str
) -> None:
    upgrade(Settings(var_dir=tmp_path).database_url)
    told = run(tmp_path, "check", "--json", **environment)
    failed = [json.loads(line) for line in told.output.splitlines() if '"fail"' in line]
    assert (told.exit_code, failed[0]["name"]) == (1, name)
    refused = run(tmp_path, "serve", **environment)
    assert refused.exit_code == 1
    assert failed[0]["found"] in refused.output


@pytest.mark.parametrize("environment", [{"LAMO_MODE": "production"}, READY], ids=["bare", "ready"])
def test_a_first_start_in_production_is_refused_as_foretold_and_makes_nothing(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    told = run(tmp_path / "var", "check", "--json", **environment)
    failed = [json.loads(line) for line in told.output.splitlines() if '"fail"' in line]
    refused = run(tmp_path / "var", "serve", **environment)
    assert (told.exit_code, refused.exit_code) == (1, 1)
    assert failed[0]["found"] in refused.output
    assert "no client may call" in failed[-1]["found"]
    assert list(tmp_path.iterdir()) == []


def test_a_taken_port_is_one_line_and_nothing_is_made(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        refused = run(tmp_path / "var", "serve", PORT=str(port))
    told = f"Error: port {port} of 127.0.0.1 cannot be had (Address already in use)"
    assert (refused.exit_code, refused.output.startswith(told)) == (1, True)
    assert list(tmp_path.iterdir()) == []


def test_a_lost_key_file_is_told(tmp_path: Path) -> None:
    settings = Settings(var_dir=tmp_path)
    upgrade(settings.database_url)
    env = {"VAR_DIR": str(tmp_path)}
    arguments = ["stop", "rule", "allergy", "--reason", "the table is wrong"]
    assert CliRunner().invoke(main, arguments, env=env).exit_code == 0
    (tmp_path / "keys.json").unlink()
    assert "there is no key file" in found(settings)["keys"].found
    assert not (tmp_path / "keys.json").exists()


def test_a_database_that_is_behind_is_told_and_stops_no_start(tmp_path: Path) -> None:
    settings = Settings(var_dir=tmp_path)
    (tmp_path / "audit.db").touch()
    lines = found(settings)
    assert (lines["migrations"].verdict, lines["database"].verdict) == ("warn", "ok")
    assert (lines["clients"].verdict, lines["clock"].verdict) == ("later", "later")


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"outbound_networks": "0.0.0.0/0"}, "outbound networks"),
        ({"outbound_networks": "169.254.169.254/32"}, "outbound networks"),
        ({"host": "0.0.0.0"}, "public URL"),  # noqa: S104
        ({"mode": "production", "public_url": "https://localhost"}, "public URL"),
    ],
)
def test_what_is_doubtful_is_a_warning(tmp_path: Path, settings: dict[str, str], name: str) -> None:
    assert found(Settings(var_dir=tmp_path, **settings))[name].verdict == "warn"  # type: ignore[arg-type]


def test_a_folder_that_is_none_fails(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    line = found(Settings(var_dir=tmp_path / "file" / "var"))["folder"]
    assert (line.verdict, "no folder that this user may write to" in line.found) == ("fail", True)
