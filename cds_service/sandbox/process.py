"""The sandbox as processes: the CDS service as a child, and the EHR beside it."""

import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import click
import requests
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from cds_service.sandbox.app import create_sandbox, fhir_base_of, open_sandbox
from cds_service.sandbox.ehr_keys import EhrKeys
from cds_service.sandbox.ports import HOST, require_free, wait_until_free
from cds_service.sandbox.smart.apps import RegisteredApp

START_S = 120.0  # for a service that loads its model
STOP_S = 30.0
POLL_S = 0.1
LAST_LINES = 20
STARTS = 4  # of the service in one sandbox: one that keeps ending is not started for ever
LOG_FILE, CLIENTS_FILE, JWKS_FILE = "service.log", "clients.toml", "ehr-jwks.json"
OWN = frozenset({"LAMO_DATABASE_URL", "LAMO_PUBLIC_URL", "LAMO_KEYS"})  # not meant for a sandbox
EVIDENCE_APP = "lamo-evidence"
ACCOUNT = "accounts add reviewer --role reviewer --role compliance"
SERVE = (sys.executable, "-m", "cds_service.sandbox.child")
CLIENT = """[[client]]
name = "sandbox-ehr"
issuer = "{issuer}"
jwks = "{jwks}"
fhir_bases = ["{fhir_base}"]
smart_client_id = "{app}"
frame_origins = ["{issuer}"]
"""


class SandboxRefused(Exception):  # noqa: N818 - a situation
    """The sandbox cannot start, or its service has ended; says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Where things go."""

    port: int  # of the sandbox
    service_port: int
    var_dir: Path  # of the service, made when it is not there
    command: Sequence[str] = SERVE
    apps: Sequence[tuple[str, str]] = ()  # of others: client id, and redirect URI

    @property
    def base_url(self) -> str:
        """Of the sandbox."""
        return f"http://{HOST}:{self.port}"

    @property
    def service_url(self) -> str:
        """Of the CDS service."""
        return f"http://{HOST}:{self.service_port}"


class _Quiet(WSGIRequestHandler):
    """Searches name patients, so addresses are not logged."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


def run_sandbox(plan: Plan) -> None:
    """Serve until interrupted; a service that ends by itself is started again a few times.

    Raises:
        PortTaken: and nothing was started.
        SandboxRefused: the service did not start, or it keeps ending.
        KeyboardInterrupt: somebody wants it to end; both have ended then.
    """
    require_free(plan.port, plan.service_port)
    keys = EhrKeys(issuer=plan.base_url)
    write_client(plan, keys)
    app = create_sandbox(open_sandbox(plan.base_url, plan.service_url, keys, registered_apps(plan)))
    server = make_server(HOST, plan.port, app, threaded=True, request_handler=_Quiet)
    with _served(server), (plan.var_dir / LOG_FILE).open("wb") as log:
        for start in range(STARTS):
            if start:
                wait_until_free(plan.service_port, STOP_S)  # its processes end within a second
            with _service(plan, log) as child:
                wait_until_ready(plan, child)
                _tell(plan) if start == 0 else click.echo("It was started again, and answers.")
                child.wait()
            _tell_ending(plan, child.returncode)
    raise SandboxRefused(
        f"the service was started {STARTS} times and has ended each time; its last lines:\n"
        f"{_last_lines(plan)}"
    )


def registered_apps(plan: Plan) -> tuple[RegisteredApp, ...]:
    """The evidence app of the service, which the sandbox launches, and public apps of others."""
    others = (RegisteredApp(client_id=one, redirect_uris=(uri,)) for one, uri in plan.apps)
    return (
        *others,
        RegisteredApp(
            client_id=EVIDENCE_APP,
            name="LAMO evidence",
            redirect_uris=(f"{plan.service_url}/smart/callback",),
            launch_url=f"{plan.service_url}/smart/launch",
        ),
    )


def write_client(plan: Plan, keys: EhrKeys) -> None:
    """Write the files by which the service knows this EHR."""
    plan.var_dir.mkdir(parents=True, exist_ok=True)
    (plan.var_dir / JWKS_FILE).write_text(json.dumps(keys.service_jwks()), "utf-8")
    client = CLIENT.format(
        issuer=keys.issuer,
        jwks=JWKS_FILE,
        fhir_base=fhir_base_of(plan.base_url),
        app=EVIDENCE_APP,
    )
    (plan.var_dir / CLIENTS_FILE).write_text(client, "utf-8")


@contextmanager
def _service(plan: Plan, log: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """The service, in sandbox mode, with what it prints in a file."""
    kept = {name: value for name, value in os.environ.items() if name not in OWN}
    environment = kept | {
        "LAMO_MODE": "sandbox",
        "HOST": HOST,
        "PORT": str(plan.service_port),
        "VAR_DIR": str(plan.var_dir),
        "LAMO_PUBLIC_URL": plan.service_url,  # cards link to the evidence app below it
        "LAMO_CLIENTS_FILE": str(plan.var_dir / CLIENTS_FILE),
    }
    command = [*plan.command, str(os.getpid())]  # with whom it ends
    child = subprocess.Popen(  # noqa: S603 - our own command, no shell
        command, env=environment, stdout=log, stderr=log
    )
    try:
        yield child
    finally:
        child.terminate()
        child.wait(STOP_S)


@contextmanager
def _served(server: BaseWSGIServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, args=(POLL_S,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def wait_until_ready(plan: Plan, child: subprocess.Popen[bytes]) -> None:
    """Return when the service takes calls.

    Raises:
        SandboxRefused: it ended, or took too long.
    """
    ends_at = time.monotonic() + START_S
    while time.monotonic() < ends_at and child.poll() is None:
        try:
            if requests.get(f"{plan.service_url}/readyz", timeout=START_S).ok:
                return
        except requests.ConnectionError:
            time.sleep(POLL_S)
    raise SandboxRefused(f"the service did not start:\n{_last_lines(plan)}")


def _last_lines(plan: Plan) -> str:
    lines = (plan.var_dir / LOG_FILE).read_text("utf-8", "replace").splitlines()
    return "\n".join(lines[-LAST_LINES:])


def _tell_ending(plan: Plan, code: int) -> None:
    why = f"exit code {code}" if code >= 0 else signal.Signals(-code).name
    click.echo(f"The service has ended ({why}); its log is {plan.var_dir / LOG_FILE}.", err=True)


def _tell(plan: Plan) -> None:
    click.echo(f"The sandbox is at {plan.base_url}/, its FHIR server at {plan.base_url}/fhir.")
    click.echo(f"The service that it calls is at {plan.service_url}/, and keeps its log in")
    click.echo(f"{plan.var_dir}. To read that log at {plan.service_url}/review, make an account:")
    command = Path(sys.executable).parent / "lamo-cds"
    click.echo(f"VAR_DIR={shlex.quote(str(plan.var_dir))} {shlex.quote(str(command))} {ACCOUNT}")
    click.echo("Ctrl-C ends both.")
