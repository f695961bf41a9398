"""The app's key as operators handle it: shown to EHRs before it is used, and kept to its owner."""

import json
from pathlib import Path

from click.testing import CliRunner, Result

from cds_service.cli import main
from cds_service.smart.app_key import AppKey


def shown(file: Path) -> Result:
    return CliRunner().invoke(main, ["clients", "app-key", str(file)])


def test_the_next_key_is_made_once_and_shown_without_its_private_half(tmp_path: Path) -> None:
    file = tmp_path / "smart-next.json"
    first, again = shown(file), shown(file)
    assert first.output == again.output
    assert json.loads(first.output) == AppKey(file).jwks()
    assert not {"d", "k"} & set(json.loads(first.output)["keys"][0])
    assert file.stat().st_mode & 0o077 == 0


def test_a_file_that_is_no_key_is_refused_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "smart-next.json"
    file.write_text("{}")
    file.chmod(0o600)
    told = shown(file)
    assert told.exit_code == 1
    assert "not a private key for ES384 as JSON" in told.output
