"""`lamo-cds sandbox serve` as a person runs it: both processes start, work together and end."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner

from cds_service.cli import main
from cds_service.clients.clients_file import read_clients_file
from cds_service.sandbox.ehr_keys import EhrKeys
from cds_service.sandbox.process import STARTS, Plan, SandboxRefused, run_sandbox, write_client
from cds_service.serving.ports import PortTaken
from tests.served import free_port
from tests.waiting import WAIT_S, wait_until

OTHER_APP = ("my-app", "http://localhost:3000/callback")


@dataclass
class Running:
    url: str
    service: str
    var_dir: Path
    process: subprocess.Popen[str]


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    port, service = free_port(), free_port()
    ports = ["--port", str(port), "--service-port", str(service)]
    command = [str(Path(sys.executable).parent / "lamo-cds"), "sandbox", "serve", *ports]
    options = ["--var-dir", str(tmp_path), "--app", *OTHER_APP]
    process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert "The sandbox is at" in process.stdout.readline(), process.stdout.read()
        yield Running(f"http://127.0.0.1:{port}", f"http://127.0.0.1:{service}", tmp_path, process)
    finally:
        process.kill()
        process.communicate()


def is_there(url: str) -> bool:
    try:
        return requests.get(url, timeout=60).ok
    except requests.ConnectionError:
        return False


def test_the_service_knows_the_ehr_and_both_end_together(running: Running) -> None:
    assert requests.get(f"{running.url}/fhir/Patient", timeout=60).json()["total"] == 12
    url = f"{running.service}/cds-services"
    stranger = EhrKeys(issuer=running.url).signer.token(url)
    refused = requests.get(url, headers={"Authorization": f"Bearer {stranger}"}, timeout=60)
    assert refused.status_code == 401  # registered, so that its signature has to fit
    asked = dict(zip(("client_id", "redirect_uri"), OTHER_APP, strict=True))
    sent = requests.get(f"{running.url}/auth/authorize", asked, timeout=60, allow_redirects=False)
    assert sent.headers["Location"].startswith(f"{OTHER_APP[1]}?error=")  # known, and asks nothing
    running.process.send_signal(signal.SIGINT)
    assert running.process.wait(WAIT_S) == 0
    assert not is_there(f"{running.service}/readyz")
    assert not is_there(f"{running.url}/fhir/metadata")


def test_the_service_ends_with_a_sandbox_that_is_killed(running: Running) -> None:
    wait_until(lambda: is_there(f"{running.service}/readyz"))
    running.process.kill()
    wait_until(lambda: not is_there(f"{running.service}/readyz"))


STUB = """
import http.server, os, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass

server = http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler)
server.handle_request()
sys.exit("gone")
"""


def plan_with_stub(var_dir: Path, port: int) -> Plan:
    """A service that answers one request, and ends."""
    command = (sys.executable, "-c", STUB)
    return Plan(port=port, service_port=free_port(), var_dir=var_dir, command=command)


def test_a_service_that_ends_is_started_again_and_not_for_ever(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    plan = plan_with_stub(tmp_path, free_port())
    with pytest.raises(SandboxRefused, match=r"last lines:\n(gone\n){3}gone$"):
        run_sandbox(plan)
    assert capfd.readouterr().out.count("It was started again, and answers.") == STARTS - 1
    assert not is_there(f"{plan.base_url}/fhir/metadata")


@pytest.mark.parametrize(
    ("of", "option"), [("sandbox", "--port"), ("service", "--service-port")], ids=["own", "service"]
)
def test_a_port_that_is_taken_is_told_before_anything_starts(
    tmp_path: Path, of: str, option: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ports = [f"--{name}={free_port()}" for name in ("port", "service-port")]
        options = [*ports, f"{option}={port}", "--var-dir", str(tmp_path)]
        result = CliRunner().invoke(main, ["sandbox", "serve", *options])
    assert result.exit_code == 1
    (line,) = result.output.splitlines()
    assert f"port {port} of the {of} (Address already in use)" in line
    assert f"another {option} (with make: " in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("uri", ["my-app", "ftp://a.org/x", "http://a.org/x#y"])
def test_an_app_without_a_redirect_uri_is_refused(uri: str) -> None:
    result = CliRunner().invoke(main, ["sandbox", "serve", "--app", "my-app", uri])
    assert result.exit_code == 2
    assert "wanted a redirect URI such as http://localhost:3000/callback" in result.output


def test_two_servers_do_not_get_one_port(tmp_path: Path) -> None:
    plan = plan_with_stub(tmp_path, port := free_port())
    with pytest.raises(PortTaken, match="cannot be both"):
        run_sandbox(replace(plan, service_port=port))


def test_a_service_that_cannot_start_is_told_with_its_last_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAMO_DEADLINE_MS", "never")
    ports = ["--port", str(free_port()), "--service-port", str(free_port())]
    result = CliRunner().invoke(main, ["sandbox", "serve", *ports, "--var-dir", str(tmp_path)])
    assert result.exit_code == 1
    assert "the service did not start" in result.output
    assert "LAMO_DEADLINE_MS: found 'never'" in result.output


def test_the_service_is_told_of_the_ehr_by_a_file(tmp_path: Path) -> None:
    plan = Plan(port=8081, service_port=8080, var_dir=tmp_path / "var")
    write_client(plan, EhrKeys(issuer=plan.base_url))
    (client,) = read_clients_file(plan.var_dir / "clients.toml")
    assert client.issuer == "http://127.0.0.1:8081"
    assert client.fhir_bases == ("http://127.0.0.1:8081/fhir",)
