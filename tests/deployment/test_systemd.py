"""The units, as systemd reads them."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from cds_service.environment import env_name
from cds_service.settings import Settings

UNITS = Path(__file__).parents[2] / "docker/systemd"
SERVICES = sorted(path.name for path in UNITS.glob("*.service"))
MOST_EXPOSED = 15  # tenths, of 100; systemd calls up to 20 "OK"


@pytest.fixture
def readable(tmp_path: Path) -> Path:
    """The units with a command that is installed here."""
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed")
    for path in UNITS.glob("*.[st]*"):
        text = re.sub(r"^ExecStart=.*$", "ExecStart=/bin/true", path.read_text(), flags=re.M)
        (tmp_path / path.name).write_text(text)
    return tmp_path


def test_units_are_valid(readable: Path) -> None:
    units = [str(readable / name) for name in [*SERVICES, "lamo-cds-purge.timer"]]
    command = ["systemd-analyze", "verify", "--man=no", *units]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (told.returncode, told.stdout + told.stderr) == (0, "")


@pytest.mark.parametrize("name", SERVICES)
def test_units_are_hardened(readable: Path, name: str) -> None:
    command = ["systemd-analyze", "security", "--offline=true", f"--threshold={MOST_EXPOSED}"]
    told = subprocess.run([*command, str(readable / name)], capture_output=True, check=False)
    assert told.returncode == 0


def test_settings_that_are_named_are_known() -> None:
    text = "".join(path.read_text() for path in UNITS.iterdir())
    assert set(re.findall(r"LAMO_[A-Z_]+", text)) <= {env_name(n) for n in Settings.model_fields}
