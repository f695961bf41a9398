"""What compose.yaml promises, read as data."""

import os
import re
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from cds_service.environment import env_name
from cds_service.settings import Settings

DOCKER = Path(__file__).parents[2] / "docker"
COMPOSE: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("web", "scorer")
KNOWN = {env_name(name) for name in Settings.model_fields}
SECRET = re.compile(r"PASSWORD$|KEYS?$|DATABASE_URL$|TOKEN$")


@pytest.mark.parametrize("name", OURS)
def test_ours_have_no_rights_and_say_whether_they_are_well(name: str) -> None:
    service = SERVICES[name]
    assert service["user"] == "10001:10001"
    assert service["read_only"] is True
    assert service["healthcheck"]["test"][-1].endswith("healthy.py")


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_nothing_has_more_rights_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert not [v for v in service.get("volumes", ()) if "docker.sock" in v]


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_ports_are_on_this_machine_alone_but_the_proxys_where_it_is_said(name: str) -> None:
    wanted = "${LISTEN:-127.0.0.1}:" if name == "proxy" else "127.0.0.1:"
    assert all(port.startswith(wanted) for port in SERVICES[name].get("ports", ()))


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_no_secret_stands_in_clear(name: str) -> None:
    environment = SERVICES[name].get("environment", {})
    assert [setting for setting in environment if SECRET.search(setting)] == []
    assert all(secret["file"].startswith("./secrets/") for secret in COMPOSE["secrets"].values())


def test_the_settings_that_are_named_are_known() -> None:
    named = {key for one in SERVICES.values() for key in one.get("environment", {})}
    secrets = set(COMPOSE["secrets"])
    example = re.findall(r"^([A-Z_]+)=", (DOCKER / "example.env").read_text(), re.MULTILINE)
    ours = {name for name in {*named, *secrets, *example} if name.startswith("LAMO_")}
    assert {"LAMO_MODE", "LAMO_DATABASE_URL"} <= ours <= KNOWN


def test_models_and_the_database_are_reached_by_the_web_part_alone() -> None:
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    assert all(SERVICES[name]["networks"] == ["inside"] for name in ("scorer", "vllm", "database"))


def test_the_proxy_finds_the_service_again_when_it_has_another_address() -> None:
    (command,) = SERVICES["proxy"]["command"]
    (script,) = re.findall(r'sed "(.*?)"', command)
    told = ["sed", script.replace("$$dns", "192.0.2.1"), str(DOCKER / "nginx.conf")]
    made = subprocess.run(told, capture_output=True, text=True, check=True).stdout
    assert "resolver 192.0.2.1 valid=5s; server web:8080 max_fails=0 resolve;" in made
    assert "127.0.0.1:8080" not in made


def test_secrets_are_made_once_and_are_their_owners(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    command = ["sh", str(DOCKER / "make-secrets.sh"), "cds.example.org"]
    made = []
    for _ in range(2):
        subprocess.run(command, env=os.environ | {"SECRETS": str(folder)}, check=True)
        made.append({path.name: path.read_text() for path in folder.iterdir()})
    assert made[0] == made[1]
    assert set(made[0]) == set(COMPOSE["secrets"])
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert made[0]["POSTGRES_PASSWORD"] in made[0]["LAMO_DATABASE_URL"]


def test_settings_come_from_files(tmp_path: Path) -> None:
    (tmp_path / "LAMO_SCORER_KEY").write_text("a 'key' of $3")
    (tmp_path / "POSTGRES_PASSWORD").write_text("not a setting")
    told = subprocess.run(
        ["sh", str(DOCKER / "with-secrets.sh"), "env"],
        env={"CREDENTIALS_DIRECTORY": str(tmp_path), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "LAMO_SCORER_KEY=a 'key' of $3\n" in told
    assert "POSTGRES_PASSWORD" not in told
