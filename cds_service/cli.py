"""The command line, `lamo-cds`. Each command imports what it needs, so that help is instant."""

from functools import partial
from pathlib import Path

import click

from cds_service.artifacts.cli import model
from cds_service.audit.cli import audit
from cds_service.audit.granting import db
from cds_service.clients.cli import clients
from cds_service.doctor.cli import doctor
from cds_service.environment import read_settings
from cds_service.logs import configure_logs
from cds_service.manners import OneLineErrors, Teller, completion, json_option, watched
from cds_service.notes.cli import notes
from cds_service.population.cli import score
from cds_service.refusing import refusing
from cds_service.reviewer.accounts.cli import accounts
from cds_service.sandbox.cli import sandbox
from cds_service.scorer.cli import scorer
from cds_service.starting.cli import check
from cds_service.stops.cli import resume, stop, stops
from cds_service.terminology.cli import terminology
from cds_service.train_cli import train
from cds_service.trying.cli import demo, replay, tour


@click.group(cls=OneLineErrors)
@click.version_option(package_name="lamo-cds")
def main() -> None:
    """A CDS Hooks service against over-prescribing."""
    configure_logs("WARNING")  # to standard error: what is found there may be piped


for _command in (
    accounts,
    audit,
    check,
    clients,
    completion,
    db,
    demo,
    doctor,
    model,
    notes,
    resume,
    sandbox,
    score,
    scorer,
    stop,
    stops,
    terminology,
    train,
):
    main.add_command(_command)
sandbox.add_command(replay)
sandbox.add_command(tour)


def _refusals_of_serve() -> tuple[type[Exception], ...]:
    from cds_service.serving.ports import PortTaken
    from cds_service.starting.needs import REFUSALS

    return *REFUSALS, PortTaken


@main.command()
@refusing(_refusals_of_serve)
def serve() -> None:
    """Start the service. HOST, PORT, VAR_DIR and the LAMO_ variables set it up."""
    settings = read_settings()
    from cds_service.serve import serve as start

    start(settings)


@main.command()
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True)
@click.option("--patients", type=click.IntRange(min=1), default=1000, show_default=True)
@click.option("--seed", type=int, default=2023, show_default=True)
@json_option
def synthesize(out: Path, patients: int, seed: int, tell: Teller) -> None:
    """Write the visits of synthetic patients, one JSON object a line."""
    from lamo.synthetic.generator import write_visits

    visits = write_visits(out, patients, seed, partial(watched, label="patients"))
    line = f"ok: {visits} visits of {patients} synthetic patients are in {out}"
    tell(line, visits=visits, patients=patients, seed=seed, file=str(out))
