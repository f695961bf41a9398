"""The sandbox as a person starts it: `lamo-cds sandbox serve`, with the service as its child."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from tests.served import START_S, free_port

MAIN = [sys.executable, "-c", "from cds_service.cli import main; main()", "sandbox", "serve"]


@contextmanager
def started_sandbox(var_dir: Path) -> Iterator[str]:
    """Start it, and give its URL once the service behind it takes calls."""
    port, service_port = free_port(), free_port()
    ports = ["--port", str(port), "--service-port", str(service_port)]
    command = [*MAIN, *ports, "--var-dir", str(var_dir / "service")]
    settings = {"LAMO_DEADLINE_MS": "30000"}  # tests run on busy machines
    with (var_dir / "log.txt").open("wb") as log:
        process = subprocess.Popen(command, env=os.environ | settings, stdout=log, stderr=log)
        try:
            _wait_until_ready(f"http://127.0.0.1:{service_port}", process, var_dir / "log.txt")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(timeout=60)


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    ends_at = time.monotonic() + START_S
    while time.monotonic() < ends_at and process.poll() is None:
        try:
            requests.get(f"{url}/readyz", timeout=START_S).raise_for_status()
        except (requests.ConnectionError, requests.HTTPError):
            time.sleep(0.2)
        else:
            return
    raise AssertionError(f"the sandbox did not start:\n{log.read_text()}")
