"""A mistyped VAR_DIR is told, and nothing is made in it."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from cds_service.at_hand import shown
from cds_service.cli import main
from cds_service.settings import Settings


@pytest.mark.parametrize(
    "command",
    [
        "accounts list",
        "accounts disable ada",
        "audit hold list",
        "audit list",
        "audit sequence --once",
        "audit verify",
        "clients list",
        "clients refused",
        "clients disable ehr",
        "stops",
        "stop rule allergy --reason wrong",
        "model compare",
        "terminology status",
        "terminology show 723",
        "notes forget --all",
    ],
)
def test_what_needs_a_database_makes_none(tmp_path: Path, command: str) -> None:
    var_dir = tmp_path / "typo"
    told = CliRunner().invoke(main, command.split(), env={"VAR_DIR": str(var_dir)})
    database = shown(Settings(var_dir=var_dir).database_url)
    assert told.exit_code == 1
    assert f"there is no database at {database} (VAR_DIR is {var_dir})" in told.output
    assert "`lamo-cds audit upgrade`" in told.output
    assert list(tmp_path.iterdir()) == []


def test_what_begins_a_log_says_where(tmp_path: Path) -> None:
    words = ["accounts", "add", "root", "--role", "administrator"]
    told = CliRunner().invoke(main, words, env={"VAR_DIR": str(tmp_path / "var")})
    assert shown(Settings(var_dir=tmp_path / "var").database_url) in told.output
    assert (tmp_path / "var" / "audit.db").is_file()


def test_a_password_is_not_shown() -> None:
    assert (
        shown("postgresql+psycopg://lamo:secret@host/db") == "postgresql+psycopg://lamo:***@host/db"
    )
