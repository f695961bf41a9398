"""`lamo-cds sandbox`: an EHR with made-up patients, on this machine."""

import signal
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

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


def _apps(
    _context: click.Context, _parameter: click.Parameter, apps: tuple[tuple[str, str], ...]
) -> tuple[tuple[str, str], ...]:
    for _, uri in apps:
        parts = urlsplit(uri)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.fragment:
            raise click.BadParameter("wanted a redirect URI such as http://localhost:3000/callback")
    return apps


@sandbox.command()
@click.option("--port", type=_port, default=8081, show_default=True, help="Of the sandbox.")
@click.option("--service-port", type=_port, default=8080, show_default=True)
@click.option(
    "--var-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="What the service keeps; without it, a folder that is deleted at the end.",
)
@click.option(
    "--app",
    "apps",
    type=(str, str),
    multiple=True,
    callback=_apps,
    metavar="CLIENT_ID REDIRECT_URI",
    help="A public SMART app of your own, to be tried with the sandbox's FHIR server.",
)
@refusing(_refusals)
def serve(
    port: int, service_port: int, var_dir: Path | None, apps: tuple[tuple[str, str], ...]
) -> None:
    """Start the service and, beside it, an EHR that calls it. Ctrl-C ends both.

    Exits with 1 when a port is taken, before anything is started, and when the service does not
    start or keeps ending.
    """
    from cds_service.sandbox.process import Plan, run_sandbox

    for ending in (signal.SIGINT, signal.SIGTERM):  # also where a shell told it to ignore the first
        signal.signal(ending, signal.default_int_handler)
    kept = TemporaryDirectory(prefix="lamo-sandbox-") if var_dir is None else nullcontext(var_dir)
    with kept as folder:
        folder = Path(folder).absolute()
        plan = Plan(port=port, service_port=service_port, var_dir=folder, apps=apps)
        try:
            run_sandbox(plan)
        except KeyboardInterrupt:
            click.echo("Both have ended.")
