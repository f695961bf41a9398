"""`lamo-cds score`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cds_service.environment import read_settings
from cds_service.manners import Teller, json_option, watched
from cds_service.refusing import refusing
from cds_service.settings import Settings

if TYPE_CHECKING:
    from cds_service.population.run import Outcome, Runner
    from cds_service.tools import Tools


NOT_WHOLE = 3  # exit status when patients were set aside or lines could not be read


def _refusals() -> tuple[type[Exception], ...]:
    from cds_service.artifacts.choice import ModelRefused
    from cds_service.population.book import RunRefused, RunStopped
    from lamo.artifact import ArtifactRefused
    from lamo.exports.errors import CohortError
    from lamo.scoring.device import DeviceMissing
    from lamo.scoring.remote.check import ServerRefused

    return (
        ArtifactRefused,
        DeviceMissing,
        ModelRefused,
        ServerRefused,
        CohortError,
        RunRefused,
        RunStopped,
    )


@click.command()
@click.argument("export", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--out",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file of lines; one that was begun is gone on with.",
)
@click.option(
    "--at",
    "decided_at",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S%z"]),
    help="The moment that ages are counted from; now, if not given.",
)
@click.option("--retry-failed", is_flag=True, help="Score those again that were set aside.")
@click.option(
    "--ray", help="On a Ray cluster: its address, auto, or local for one of this machine."
)
@click.option(
    "--actors", default=2, show_default=True, type=click.IntRange(min=1), help="With --ray."
)
@json_option
@refusing(_refusals)
def score(
    export: Sequence[Path],
    out: Path,
    decided_at: datetime | None,
    retry_failed: bool,
    ray: str | None,
    actors: int,
    tell: Teller,
) -> None:
    """Score everybody of a FHIR EXPORT (folders or NDJSON files): one JSON line a patient.

    A patient's active orders are judged as if all were signed now. The LAMO_ variables choose the
    model. A run that was stopped goes on where it was when the same command is given again.
    """
    from cds_service.artifacts.models import served_artifact
    from cds_service.population.run import Population, score_population
    from cds_service.tools import check_scoring_server

    at = decided_at.astimezone() if decided_at else None
    population = Population(
        export=export, out=out, decided_at=at, retry_failed=retry_failed, progress=True
    )
    settings = read_settings()
    if settings.scorer_url:
        check_scoring_server(settings, served_artifact(settings))
    tools, runner = _model(settings, ray, actors)
    outcome = score_population(population, tools, runner, partial(watched, label="patients"))
    tell(*_lines(outcome, out), **_as_json(outcome))
    if not outcome.is_whole:
        click.echo(f"not whole: see the counts above, or in {out}.run", err=True)
        raise SystemExit(NOT_WHOLE)


def _as_json(outcome: Outcome) -> dict[str, Any]:
    return {
        "written": outcome.written,
        "set_aside": outcome.failed,
        "done_before": outcome.done_before,
        "read": dict(outcome.tally.counted),
        "not_read": dict(outcome.tally.dropped),
        "is_whole": outcome.is_whole,
    }


def _lines(outcome: Outcome, out: Path) -> Iterator[str]:
    yield from outcome.tally.lines()
    yield f"{outcome.done_before:>12,}  patients were done before"
    aside = f", see {out}.failed" if outcome.failed else ""
    yield f"{outcome.failed:>12,}  patients set aside{aside}"
    yield f"ok: {outcome.written} patients are in {out}"


def _model(settings: Settings, address: str | None, actors: int) -> tuple[Tools, Runner]:
    from cds_service.population.run import here
    from cds_service.tools import build_tools

    if address is None:
        tools = build_tools(settings)
        return tools, here(tools)
    try:
        from cds_service.population.on_ray import on_ray
    except ImportError:
        raise click.UsageError(
            "--ray needs Ray Data, which is not installed: pip install '.[ray]'"
        ) from None
    return build_tools(settings), on_ray(address, settings, actors)
