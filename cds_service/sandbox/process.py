"""The sandbox as processes: the CDS service as a child, and the EHR beside it."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
import requests
from flask import Flask
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from cds_service.sandbox.app import create_sandbox, fhir_base_of, open_sandbox
from cds_service.sandbox.ehr_keys import EhrKeys
from cds_service.sandbox.smart.apps import RegisteredApp

HOST = "127.0.0.1"
START_S = 120.0  # for a service that loads its model
STOP_S = 30.0
POLL_S = 0.1
LAST_LINES = 20
LOG_FILE, CLIENTS_FILE, JWKS_FILE = "service.log", "clients.toml", "ehr-jwks.json"
OWN = frozenset({"LAMO_DATABASE_URL", "LAMO_PUBLIC_URL", "LAMO_KEYS"})  # not meant for a sandbox
EVIDENCE_APP = "lamo-evidence"
SERVE = (sys.executable, "-c", "from cds_service.cli import main; main()", "serve")
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
    """Serve until interrupted, or until the service ends by itself.

    Raises:
        SandboxRefused: a port is taken, the service did not start, or it has ended.
        KeyboardInterrupt: somebody wants it to end; both have ended then.
    """
    keys = EhrKeys(issuer=plan.base_url)
    write_client(plan, keys)
    _require_free(plan.service_port)
    with _service(plan) as child:
        desk = open_sandbox(plan.base_url, plan.service_url, keys, registered_apps(plan))
        with _served(_server(plan, create_sandbox(desk))):
            wait_until_ready(plan, child)
            _tell(plan)
            child.wait()
    raise SandboxRefused(f"the service has ended:\n{_last_lines(plan)}")


def registered_apps(plan: Plan) -> tuple[RegisteredApp, ...]:
    """The apps that the sandbox launches: the evidence app of the service."""
    return (
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
def _service(plan: Plan) -> Iterator[subprocess.Popen[bytes]]:
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
    with (plan.var_dir / LOG_FILE).open("wb") as log:
        child = subprocess.Popen(  # noqa: S603 - our own command, no shell
            plan.command, env=environment, stdout=log, stderr=log
        )
        try:
            yield child
        finally:
            child.terminate()
            child.wait(STOP_S)


def _require_free(port: int) -> None:
    """Another service there would answer in place of ours."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            raise SandboxRefused(
                f"port {port} cannot be had: choose another one with --service-port"
            ) from None


def _server(plan: Plan, app: Flask) -> BaseWSGIServer:
    try:
        return make_server(HOST, plan.port, app, threaded=True, request_handler=_Quiet)
    except (OSError, SystemExit):  # werkzeug ends the process when the port is taken
        raise SandboxRefused(
            f"port {plan.port} cannot be had: choose another one with --port"
        ) from None


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


def _tell(plan: Plan) -> None:
    click.echo(f"The sandbox is at {plan.base_url}/, its FHIR server at {plan.base_url}/fhir.")
    click.echo(f"The service that it calls is at {plan.service_url}/, and keeps its log in")
    click.echo(
        f"{plan.var_dir}: VAR_DIR for `lamo-cds audit` and `lamo-cds accounts`. Ctrl-C ends both."
    )
