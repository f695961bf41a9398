"""The command line, `lamo-cds`. Each command imports what it needs, so that help is instant."""

from pathlib import Path

import click

from cds_service.audit.cli import audit
from cds_service.audit.granting import db
from cds_service.clients.cli import clients
from cds_service.notes.cli import notes
from cds_service.population.cli import score
from cds_service.refusing import refusing
from cds_service.reviewer.accounts.cli import accounts
from cds_service.settings import read_settings
from cds_service.stops.cli import resume, stop, stops
from cds_service.terminology.cli import terminology
from cds_service.train_cli import train


@click.group()
@click.version_option(package_name="lamo-cds")
def main() -> None:
    """A CDS Hooks service against over-prescribing."""


main.add_command(accounts)
main.add_command(audit)
main.add_command(clients)
main.add_command(db)
main.add_command(notes)
main.add_command(resume)
main.add_command(score)
main.add_command(stop)
main.add_command(stops)
main.add_command(terminology)
main.add_command(train)


def _refusals_of_serve() -> tuple[type[Exception], ...]:
    from cds_service.cards.policy import PolicyRefused
    from cds_service.clients.client import ClientRefused
    from cds_service.observing.traces import TracesRefused
    from cds_service.production import HalfConfigured
    from cds_service.site_attributes import SiteAttributesRefused
    from lamo.artifact import ArtifactRefused
    from lamo.notes.model_reader.plan import EndpointRefused
    from lamo.scoring.device import DeviceMissing
    from lamo.scoring.remote.check import ServerRefused

    return (
        ArtifactRefused,
        ClientRefused,
        DeviceMissing,
        EndpointRefused,
        HalfConfigured,
        PolicyRefused,
        ServerRefused,
        SiteAttributesRefused,
        TracesRefused,
    )


@main.command()
@refusing(_refusals_of_serve)
def serve() -> None:
    """Start the service. HOST, PORT, VAR_DIR and the LAMO_ variables set it up."""
    settings = read_settings()
    from cds_service.serve import serve as start

    start(settings)


@main.command()
@click.option("--url", default="http://127.0.0.1:8080", show_default=True, help="Base URL.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def demo(url: str, file: Path) -> None:
    """Post the hook call in FILE and print its cards."""
    from cds_service.demo import run_demo

    run_demo(url, file)


@main.command()
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True)
@click.option("--patients", type=click.IntRange(min=1), default=1000, show_default=True)
@click.option("--seed", type=int, default=2023, show_default=True)
def synthesize(out: Path, patients: int, seed: int) -> None:
    """Write the visits of synthetic patients, one JSON object a line."""
    from lamo.synthetic.generator import write_visits

    visits = write_visits(out, patients, seed)
    click.echo(f"ok: {visits} visits of {patients} synthetic patients are in {out}")
