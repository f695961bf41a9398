"""The sandbox as a person starts it: `lamo-cds sandbox serve`, with the service as its child."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.served import free_port, served

MAIN = [sys.executable, "-c", "from cds_service.cli import main; main()", "sandbox", "serve"]


@contextmanager
def started_sandbox(var_dir: Path) -> Iterator[str]:
    """Start it, and give its URL once the service behind it takes calls."""
    port, service_port = free_port(), free_port()
    ports = ["--port", str(port), "--service-port", str(service_port)]
    command = [*MAIN, *ports, "--var-dir", str(var_dir / "service")]
    # tests run on busy machines
    with served(var_dir, command, PORT=str(service_port), LAMO_DEADLINE_MS="30000"):
        yield f"http://127.0.0.1:{port}"
