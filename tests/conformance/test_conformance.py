"""The black-box conformance checker against the service as it is started for real."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.served import Served, free_port, served

ORIGIN = "http://localhost:8180"
MARKS = re.compile(r"Quill|MRN\d|Zq[a-p]+note|tok\.|Marta|draft-ibu|ibuprofen|pt-[0-9a-f]", re.I)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("var")) as running:
        yield running


@pytest.fixture(scope="module")
def report(service: Served, test_data: Path) -> str:
    checker = test_data / "conformance" / "conformance.py"
    options = ["--expect-cards", "--expect-feedback", "--cors-origin", ORIGIN]
    command = [sys.executable, str(checker), service.url, "--fhir-port", str(free_port())]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_nothing_fails(report: str) -> None:
    print(report.splitlines()[-1])
    assert [line for line in report.splitlines() if line.startswith("FAIL")] == []
    assert re.search(r"^\d{3,} passed, 0 failed", report, re.M), report[-2000:]


def test_the_log_of_the_run_holds_nothing_of_a_patient(report: str, service: Served) -> None:
    log = service.log.read_text()
    assert "hook_answered" in log
    assert MARKS.findall(log) == []
