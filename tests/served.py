"""The service as a person starts it: `lamo-cds serve` in a process of its own."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from tests.waiting import WAIT_S, wait_until


@dataclass(frozen=True, slots=True)
class Served:
    """A running service."""

    url: str
    log: Path  # everything that it printed
    pid: int  # of its first process

    def is_ready(self) -> bool:
        """Whether it says that it takes calls."""
        try:
            return requests.get(f"{self.url}/readyz", timeout=WAIT_S).ok
        except requests.ConnectionError:
            return False


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
    unless `PORT` is among them, and a call has all the time that a busy machine may need.
    """
    port = int(environment.get("PORT", free_port()))
    place = {"HOST": "127.0.0.1", "PORT": str(port), "VAR_DIR": str(var_dir)}
    settings = place | {"LAMO_DEADLINE_MS": "60000"} | environment
    command = command or [str(Path(sys.executable).parent / "lamo-cds"), "serve"]
    with (var_dir / "log.txt").open("wb") as log:
        process = subprocess.Popen(command, env=os.environ | settings, stdout=log, stderr=log)
        running = Served(f"http://127.0.0.1:{port}", var_dir / "log.txt", process.pid)
        try:
            _wait_until_ready(running, process)
            yield running
        finally:
            process.terminate()
            process.wait(timeout=WAIT_S)


def _wait_until_ready(running: Served, process: subprocess.Popen[bytes]) -> None:
    try:
        wait_until(lambda: process.poll() is not None or running.is_ready())
        assert process.poll() is None
    except AssertionError:
        told = f"the service did not start:\n{running.log.read_text()}"
        raise AssertionError(told) from None
