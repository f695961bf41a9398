"""The Dockerfile, line by line; and its steps, run in a Debian root that has nothing of ours.

    make wheelhouse
    LAMO_TEST_IMAGES=build/wheelhouse pytest tests/deployment/test_images.py

makes the root with mmdebstrap, as root, which takes minutes; without that setting it is skipped.
"""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINES = [
    line
    for line in (ROOT / "docker/Dockerfile").read_text().replace("\\\n", " ").splitlines()
    if line and not line.startswith("#")
]
RUN = [json.loads(line.removeprefix("RUN ")) for line in LINES if line.startswith("RUN ")]
SCRIPTS = sorted(ROOT.glob("docker/**/*.sh")) + sorted(ROOT.glob("scripts/*.sh"))


def words(instruction: str) -> list[list[str]]:
    return [line.split()[1:] for line in LINES if line.startswith(f"{instruction} ")]


def test_every_run_is_one_step_that_can_be_run_elsewhere() -> None:
    steps = {Path(run[1]).name for run in RUN}
    assert steps == {path.name for path in (ROOT / "docker/steps").iterdir()}
    assert all(run[0] == "sh" for run in RUN)


def test_the_base_is_named_by_version() -> None:
    (base,) = [word for (word,) in words("ARG") if word.startswith("BASE=")]
    assert re.fullmatch(r"BASE=python:\d+\.\d+\.\d+-slim-[a-z]+", base)
    stages = {line[2] for line in words("FROM")}
    assert all(line[0] in {"${BASE}", *stages} for line in words("FROM"))


def test_images_run_without_rights_and_say_whether_they_are_well() -> None:
    assert words("USER") == [["10001:10001"]]
    assert "--uid 10001" in (ROOT / "docker/steps/user.sh").read_text()
    assert words("HEALTHCHECK")[0][-1] == '"/usr/local/lib/lamo/healthy.py"]'
    assert ["scorer", "web"] == [line[2] for line in words("FROM")][-2:]


def test_what_is_copied_is_there() -> None:
    copied = [name for line in words("COPY") if "--from" not in line[0] for name in line[:-1]]
    assert [name for name in copied if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: str(path.name))
def test_scripts_can_be_read_by_sh(script: Path) -> None:
    assert subprocess.run(["sh", "-n", str(script)], check=False).returncode == 0


def test_the_web_part_is_locked_without_a_model_and_all_by_hash() -> None:
    locks = {path.stem: path.read_text() for path in (ROOT / "docker/locks").iterdir()}
    pinned = {name: re.findall(r"^([\w.-]+)==", text, re.M) for name, text in locks.items()}
    assert {"torch", "transformers", "peft"} <= set(pinned["scorer"])
    assert not {"torch", "transformers", "peft", "safetensors"} & set(pinned["web"])
    assert "psycopg-binary" in pinned["web"]
    for text in locks.values():
        assert len(re.findall(r"^[\w.-]+==.*\\\n    --hash=sha256:", text, re.M)) == text.count(
            "=="
        )


def test_locks_have_the_versions_that_were_tested() -> None:
    def versions(path: Path) -> dict[str, str]:
        found = re.findall(r"^([\w.-]+)==([\w.]+)", path.read_text(), re.M)
        return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in found}

    tested = versions(ROOT / "constraints.txt")
    for part in ("web", "scorer"):
        locked = versions(ROOT / f"docker/locks/{part}.txt")
        assert {name: tested.get(name) for name in locked} == locked


@pytest.fixture(scope="module")
def clean_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    wheelhouse = os.environ.get("LAMO_TEST_IMAGES")
    if not wheelhouse or os.geteuid() != 0 or not shutil.which("mmdebstrap"):
        pytest.skip("LAMO_TEST_IMAGES names no wheelhouse, or this is not root with mmdebstrap")
    root = tmp_path_factory.mktemp("root")
    packages = "--include=python3,python3-venv"
    command = ["mmdebstrap", "--variant=minbase", packages, "bookworm", str(root)]
    subprocess.run(command, check=True)
    shutil.copytree(wheelhouse, root / "wheels")
    for line in words("COPY"):
        if "--from" not in line[0]:
            _copy(line[:-1], root / "src" / line[-1] if line[-1][0] != "/" else root / line[-1][1:])
    return root


def _copy(names: list[str], to: Path) -> None:
    for name in names:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, to)
        else:
            into = to / Path(name).name if len(names) > 1 or to.name in ("", ".", "src") else to
            into.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, into)


@pytest.mark.parametrize("part", ["web", "scorer"])
def test_the_steps_install_each_part_in_a_clean_root(clean_root: Path, part: str) -> None:
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/wheels", "PATH": "/usr/sbin:/usr/bin:/bin"}
    prefix = f"/opt/{part}"
    for run in RUN:
        if run[-1] in (part, "/tmp/user.sh"):  # noqa: S108 - inside that root
            step = ["chroot", str(clean_root), "sh", "-c", 'cd /src && exec "$@"', "-", *run]
            done = subprocess.run(step, env=offline | {"LAMO_PREFIX": prefix}, check=False)
            assert done.returncode in (0, 9 if run[-1] != part else 0)  # 9: the user is there
    as_user = ["chroot", "--userspec=10001:10001", str(clean_root), f"{prefix}/bin/lamo-cds"]
    told = subprocess.run([*as_user, "--version"], capture_output=True, text=True, check=True)
    assert told.stdout.startswith("lamo-cds, version")
    assert (clean_root / "opt/scorer/bin/python").exists() == (part == "scorer")
