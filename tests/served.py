"""The service as a person starts it: `lamo-cds serve` in a process of its own."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

START_S = 90


@dataclass(frozen=True, slots=True)
class Served:
    """A running service."""

    url: str
    log: Path  # everything that it printed
    pid: int  # of its first process


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def served(
    var_dir: Path, command: Sequence[str] | None = None, **environment: str
) -> Iterator[Served]:
    """Start the service with an empty VAR_DIR, wait until it is ready, and stop it.

    Another command than `lamo-cds serve` has to read the same settings. A port is found for it
    unless `PORT` is among them.
    """
    port = int(environment.get("PORT", free_port()))
    settings = {"HOST": "127.0.0.1", "PORT": str(port), "VAR_DIR": str(var_dir)} | environment
    command = command or [str(Path(sys.executable).parent / "lamo-cds"), "serve"]
    with (var_dir / "log.txt").open("wb") as log:
        process = subprocess.Popen(command, env=os.environ | settings, stdout=log, stderr=log)
        running = Served(f"http://127.0.0.1:{port}", var_dir / "log.txt", process.pid)
        try:
            _wait_until_ready(running, process)
            yield running
        finally:
            process.terminate()
            process.wait(timeout=60)


def _wait_until_ready(running: Served, process: subprocess.Popen[bytes]) -> None:
    ends_at = time.monotonic() + START_S
    while time.monotonic() < ends_at and process.poll() is None:
        try:
            requests.get(f"{running.url}/readyz", timeout=START_S).raise_for_status()
        except (requests.ConnectionError, requests.HTTPError):  # not there, or not ready
            time.sleep(0.2)
        else:
            return
    raise AssertionError(f"the service did not start:\n{running.log.read_text()}")
