"""`lamo-cds sandbox`: an EHR with made-up patients, on this machine."""

import signal
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from cds_service.refusing import refusing

_port = click.IntRange(1, 65535)


@click.group()
def sandbox() -> None:
    """An EHR with made-up patients to try the service with, on this machine alone."""


def _refusals() -> tuple[type[Exception], ...]:
    from cds_service.sandbox.process import SandboxRefused
    from cds_service.serving.ports import PortTaken

    return PortTaken, SandboxRefused


@sandbox.command()
@click.option("--port", type=_port, default=8081, show_default=True, help="Of the sandbox.")
@click.option("--service-port", type=_port, default=8080, show_default=True)
@click.option(
    "--var-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="What the service keeps; without it, a folder that is deleted at the end.",
)
@refusing(_refusals)
def serve(port: int, service_port: int, var_dir: Path | None) -> None:
    """Start the service and, beside it, an EHR that calls it. Ctrl-C ends both.

    Exits with 1 when a port is taken, before anything is started, and when the service does not
    start or keeps ending.
    """
    from cds_service.sandbox.process import Plan, run_sandbox

    for ending in (signal.SIGINT, signal.SIGTERM):  # also where a shell told it to ignore the first
        signal.signal(ending, signal.default_int_handler)
    kept = TemporaryDirectory(prefix="lamo-sandbox-") if var_dir is None else nullcontext(var_dir)
    with kept as folder:
        plan = Plan(port=port, service_port=service_port, var_dir=Path(folder).absolute())
        try:
            run_sandbox(plan)
        except KeyboardInterrupt:
            click.echo("Both have ended.")
