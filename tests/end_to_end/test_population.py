"""Everybody of the shared patients scored by the command, killed in the middle and run again."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.waiting import wait_until

PATIENTS = 308
KILL_AFTER_BYTES = 2_000_000  # of about nine million


def command(test_data: Path, out: Path) -> list[str]:
    export = test_data / "data" / "fhir" / "synthea"
    program = str(Path(sys.executable).with_name("lamo-cds"))
    return [program, "score", str(export), "--out", str(out), "--at", "2026-03-02"]


def environment(folder: Path) -> dict[str, str]:
    return os.environ | {"VAR_DIR": str(folder), "LAMO_MODEL_THREADS": "1"}


def printed(test_data: Path, out: Path) -> str:
    """What a run that ends well says."""
    return subprocess.run(
        command(test_data, out),
        env=environment(out.parent),
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def test_a_run_that_is_killed_and_run_again_writes_what_an_undisturbed_one_does(
    test_data: Path, tmp_path: Path
) -> None:
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    assert f"ok: {PATIENTS} patients are in" in printed(test_data, undisturbed)

    with subprocess.Popen(command(test_data, killed), env=environment(tmp_path)) as process:
        wait_until(lambda: killed.exists() and killed.stat().st_size >= KILL_AFTER_BYTES)
        process.send_signal(signal.SIGKILL)
    assert killed.stat().st_size < undisturbed.stat().st_size

    assert " patients were done before" in printed(test_data, killed)
    assert killed.read_bytes() == undisturbed.read_bytes()
    assert undisturbed.read_bytes().count(b"\n") == PATIENTS
