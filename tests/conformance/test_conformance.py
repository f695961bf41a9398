"""The black-box conformance checker against the service as it is started for real, in each mode."""

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from tests.production import PUBLIC_URL, production
from tests.served import Served, free_port, served
from tests.tokens import ISSUER, Signer, ec_key

ORIGIN = "http://localhost:8180"
CLIENT_ORIGIN = "https://ehr.example.org"
DEADLINE_MS = "2000"  # one of its FHIR servers hangs
PATIENCE = ("--hang", "120", "--limit", "60", "--timeout", "60", "--latency-ms", "60000")
MARKS = re.compile(r"Quill|MRN\d|Zq[a-p]+note|tok\.|Marta|draft-ibu|ibuprofen|pt-[0-9a-f]", re.I)


@dataclass(frozen=True)
class Checked:
    """What the checker said of one service, and the log of that service."""

    report: str
    log: str

    @property
    def failures(self) -> list[str]:
        return [line for line in self.report.splitlines() if line.startswith("FAIL")]


def check(service: Served, checker: Path, *options: str) -> Checked:
    command = [sys.executable, str(checker), service.url, "--expect-cards", "--expect-feedback"]
    done = subprocess.run(
        [*command, *PATIENCE, *options], capture_output=True, text=True, check=False
    )
    return Checked(done.stdout + done.stderr, service.log.read_text())


def in_sandbox(folder: Path, checker: Path) -> Checked:
    options = ("--cors-origin", ORIGIN, "--fhir-port", str(free_port()))
    with served(folder, LAMO_DEADLINE_MS=DEADLINE_MS) as service:
        return check(service, checker, *options)


def in_production(folder: Path, checker: Path) -> Checked:
    """Signed tokens of a registered client; FHIR only from its own base."""
    signer, port = Signer(key=ec_key(), kid="kid-1"), free_port()
    pem = signer.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "key.pem").write_bytes(pem)
    settings = production(folder, signer, f"http://127.0.0.1:{port}/fhir") | {
        "LAMO_CORS_ORIGINS": CLIENT_ORIGIN,
        "LAMO_DEADLINE_MS": DEADLINE_MS,
        "LAMO_CDS_HOOKS_VERSION": "3.0.0",
    }
    key = ("--jwt-key", str(folder / "key.pem"), "--iss", ISSUER, "--kid", signer.kid)
    spec = ("--expect-auth", "--aud-base", PUBLIC_URL, "--spec", "3.0")
    options = (*key, *spec, "--cors-origin", CLIENT_ORIGIN, "--fhir-port", str(port))
    with served(folder, **settings) as service:
        return check(service, checker, *options)


@pytest.fixture(scope="module", params=[in_sandbox, in_production], ids=["sandbox", "production"])
def checked(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, test_data: Path
) -> Checked:
    run: Callable[[Path, Path], Checked] = request.param
    return run(tmp_path_factory.mktemp("var"), test_data / "conformance" / "conformance.py")


def test_nothing_fails(checked: Checked) -> None:
    print(checked.report.splitlines()[-1])
    assert checked.failures == []
    assert re.search(r"^\d{3,} passed, 0 failed", checked.report, re.M), checked.report[-2000:]


def test_the_log_of_the_run_holds_nothing_of_a_patient(checked: Checked) -> None:
    assert "hook_answered" in checked.log
    assert MARKS.findall(checked.log) == []
