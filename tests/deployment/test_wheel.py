"""What is installed: everything that the package reads, the same from an sdist as from a clone."""

import shutil
import subprocess
import sys
import tarfile
import venv
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("cds_service", "fhir_mappings", "lamo", "medication_safety")
BESIDE = ("setup.cfg", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", "constraints.txt")


def build(kind: str, source: Path, out: Path) -> Path:
    """Build in a process of its own: setuptools keeps the state of a build."""
    program = f"from setuptools import build_meta; build_meta.build_{kind}({str(out)!r})"
    command = [sys.executable, "-W", "ignore", "-c", program]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (built,) = out.iterdir()
    return built


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The wheel of a clone, and that of its sdist."""
    folder = tmp_path_factory.mktemp("wheels")
    clone = folder / "clone"
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, clone / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    for name in BESIDE:
        shutil.copy(ROOT / name, clone)
    outs = [folder / name for name in ("sdist", "of-sdist", "of-clone")]
    for out in outs:
        out.mkdir()
    with tarfile.open(build("sdist", clone, outs[0])) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    (unpacked,) = (folder / "unpacked").iterdir()
    return build("wheel", clone, outs[2]), build("wheel", unpacked, outs[1])


def packed(wheel: Path) -> dict[str, int]:
    with ZipFile(wheel) as archive:
        infos = [info for info in archive.infolist() if ".dist-info/" not in info.filename]
        return {info.filename: info.CRC for info in infos}


def test_the_wheel_has_every_file_of_the_packages(wheels: tuple[Path, Path]) -> None:
    command = ["git", "ls-files", *PACKAGES]
    kept = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert set(kept.split()) - set(packed(wheels[0])) == set()


def test_an_sdist_gives_the_same_wheel(wheels: tuple[Path, Path]) -> None:
    assert packed(wheels[0]) == packed(wheels[1])


def test_it_can_be_installed_outside_the_clone(wheels: tuple[Path, Path], tmp_path: Path) -> None:
    venv.create(tmp_path / "venv")
    site = next((tmp_path / "venv").glob("lib/*/site-packages"))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--target", str(site), str(wheels[0])], check=True)
    program = "from lamo.artifact import *; print(load_artifact(bundled_artifact_folder()).folder)"
    told = subprocess.run(
        [tmp_path / "venv/bin/python", "-c", program],
        cwd=tmp_path,
        env={},
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(site) in told.stdout
