"""`lamo-cds audit reindex`: the read model anew from the events."""

import click

from cds_service.audit.database import open_engine, reporting_failures
from cds_service.audit.place import Place
from cds_service.audit.read_model.follower import TIMEOUT_S, follow_all
from cds_service.audit.read_model.following import clear
from cds_service.audit.read_model.registry import PROJECTIONS
from cds_service.manners import Teller, json_option
from cds_service.refusing import refusing


@click.command()
@click.argument(
    "name", required=False, type=click.Choice([projection.name for projection in PROJECTIONS])
)
@json_option
@click.pass_obj
@refusing(tuple)
def reindex(place: Place, name: str | None, tell: Teller) -> None:
    """Clear what pages search and count in, and derive it anew from the events.

    The service may run; until this is done its pages find less.
    """
    asked = [one for one in PROJECTIONS if name in (None, one.name)]
    engine = open_engine(place.sequencer_url, timeout_s=TIMEOUT_S)
    try:
        with reporting_failures():
            for projection in asked:
                clear(engine, projection)
    finally:
        engine.dispose()
    seen = follow_all(place.sequencer_url, asked)
    names = [one.name for one in asked]
    tell(f"ok: {', '.join(names)} derived anew from {seen} events", derived=names, events=seen)
