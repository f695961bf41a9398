"""`lamo-cds train`: one command per stage, and one for all. Training is imported when it runs."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cds_service.manners import Teller, json_option

if TYPE_CHECKING:
    from lamo.training.external import ExternalPlan
    from lamo.training.stages.job import Job

STAGE_HELP = {
    "cohort": "Draw synthetic patients, or take the visits that a subcommand has read and split.",
    "notes": "Read the notes and render the prompts.",
    "examples": "Turn prompts into tokens and labels into tables.",
    "groups": "Decide which medications share an adapter.",
    "base": "Train the base model, or note where it is.",
    "adapters": "Train one adapter per group and score the splits.",
    "calibrate": "Fit probabilities, thresholds and the selection policy.",
    "evaluate": "Write the report: this model beside its baselines.",
    "artifact": "Pack the folder that serving reads.",
}

_config = click.option(
    "--config",
    "recipe",
    default="demo",
    show_default=True,
    help="A recipe: a TOML file, or the name of one that ships, for example demo.",
)
_work = click.option(
    "--work",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("training"),  # apart from VAR_DIR, whose files are the service's
    show_default=True,
    help="Folder of the stages' folders.",
)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.group()
def train() -> None:
    """Make the artifact that the service serves, stage by stage."""


@train.command("all")
@_config
@_work
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Copy the artifact.")
@json_option
def all_stages(recipe: str, work: Path, out: Path | None, tell: Teller) -> None:
    """Run every stage that is not done yet."""
    _refusing(lambda: _run_all(recipe, work, out, tell))


@train.command("demo-model")
@_work
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True)
@json_option
def demo_model(work: Path, out: Path, tell: Teller) -> None:
    """Train the demonstration model on synthetic patients, from nothing, on a CPU."""
    _refusing(lambda: _run_all("demo", work, out, tell))


class _Readers(click.Group):
    """The readers and splitters of cohorts, as subcommands that are imported when asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names."""
        from cds_service.cohort_cli import cohort as readers

        return readers.list_commands(ctx)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """One of them."""
        from cds_service.cohort_cli import cohort as readers

        return readers.get_command(ctx, cmd_name)


@train.group("cohort", cls=_Readers, invoke_without_command=True, help=STAGE_HELP["cohort"])
@_config
@_work
@click.option("--again", is_flag=True, help="Run even if nothing has changed.")
@json_option
@click.pass_context
def cohort(context: click.Context, recipe: str, work: Path, again: bool, tell: Teller) -> None:
    """Run the stage; or, with a subcommand, read a hospital's tables into visits first."""
    if context.invoked_subcommand is None:
        _refusing(lambda: _run_stage(_job(recipe, work, "cohort"), "cohort", tell, again=again))


def _stage_command(name: str) -> click.Command:
    @click.command(name, help=STAGE_HELP[name])
    @_config
    @_work
    @click.option("--again", is_flag=True, help="Run even if nothing has changed.")
    @json_option
    def command(recipe: str, work: Path, again: bool, tell: Teller) -> None:
        _refusing(lambda: _run_stage(_job(recipe, work, name), name, tell, again=again))

    return command


for _name in STAGE_HELP:
    if _name not in {"cohort", "adapters", "evaluate"}:
        train.add_command(_stage_command(_name))


@train.command("adapters", help=STAGE_HELP["adapters"])
@_config
@_work
@click.option("--again", is_flag=True, help="Run even if nothing has changed.")
@click.option("--group", help="Train this group only, as a job of its own.")
@json_option
def adapters(recipe: str, work: Path, again: bool, group: str | None, tell: Teller) -> None:
    """Train one adapter per group."""
    if again and group:
        raise click.UsageError("--again starts all groups anew: leave --group out")
    _refusing(
        lambda: _run_stage(_job(recipe, work, "adapters", group), "adapters", tell, again=again)
    )


@train.command("evaluate", help=STAGE_HELP["evaluate"])
@_config
@_work
@click.option("--again", is_flag=True, help="Run even if nothing has changed.")
@click.option("--seed", type=int, help="Score fresh synthetic patients of this seed instead.")
@json_option
def evaluate(recipe: str, work: Path, again: bool, seed: int | None, tell: Teller) -> None:
    """Write the report of the test split, or of fresh patients."""
    if seed is None:
        _refusing(lambda: _run_stage(_job(recipe, work, "evaluate"), "evaluate", tell, again=again))
    else:
        _refusing(
            lambda: _evaluate_fresh(_job(recipe, work, f"evaluate --seed {seed}"), seed, tell)
        )


@train.command("external")
@click.option("--artifact", type=_FOLDER, help="The artifact; the bundled one if left out.")
@click.option(
    "--cohort", type=_FOLDER, required=True, help="Folder of a split that `train cohort` made."
)
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="Report without its suffix."
)
@click.option("--seed", type=int, default=2023, show_default=True)
@click.option(
    "--passes",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="Over the train visits, when the adapters are trained further.",
)
@json_option
def external(artifact: Path | None, cohort: Path, out: Path, tell: Teller, **further: int) -> None:
    """Compare an artifact as it is, recalibrated, and trained further on a hospital's visits."""
    from lamo.artifact import bundled_artifact_folder
    from lamo.training.external import ExternalPlan

    named = artifact or bundled_artifact_folder()
    typed = f"--artifact {_shown(named)} --cohort {_shown(cohort)} --out {_shown(out)}"
    seed, passes = further["seed"], further["passes"]
    plan = ExternalPlan(
        artifact=named,
        cohort=cohort,
        command=f"lamo-cds train external {typed} --seed {seed} --passes {passes}",
        seed=seed,
        passes=passes,
    )
    _refusing(lambda: _run_external(plan, out, tell))


def _run_external(plan: ExternalPlan, out: Path, tell: Teller) -> None:
    from lamo.artifact import ArtifactRefused
    from lamo.exports.errors import CohortError
    from lamo.training.external import run_external
    from lamo.visits import VisitUnreadable

    try:
        report = run_external(plan, out)
    except (ArtifactRefused, CohortError, VisitUnreadable) as refused:
        raise click.ClickException(str(refused)) from None
    tell(f"ok: {report}", report=str(report))


def _shown(path: Path) -> Path | str:
    """A path as typed; of an absolute one, only the last part."""
    return path.name if path.is_absolute() else path


def _run_all(recipe: str, work: Path, out: Path | None, tell: Teller) -> None:
    from lamo.training.stages.pipeline import run_all

    job = _job(recipe, work, "all")
    if job.accelerator.is_main_process:
        line = (
            f"running every stage of the recipe {recipe} in {work}, but what is done there already"
        )
        click.echo(line, err=True)
    packed = run_all(job)
    if not job.accelerator.is_main_process:
        return
    if out is not None:
        shutil.rmtree(out, ignore_errors=True)
        packed = Path(shutil.copytree(packed, out))
    tell(f"ok: the artifact is in {packed}", folder=str(packed))


def _run_stage(job: Job, name: str, tell: Teller, *, again: bool) -> None:
    from lamo.training.stages.pipeline import run_stage

    ran = run_stage(job, name, again=again)
    if job.accelerator.is_main_process:
        line = f"ok: {job.folder(name)}" + ("" if ran else ", nothing had changed")
        tell(line, folder=str(job.folder(name)), ran=ran)


def _evaluate_fresh(job: Job, seed: int, tell: Teller) -> None:
    from lamo.training.stages.evaluate import evaluate_fresh

    path = evaluate_fresh(job, seed, job.work / f"evaluate-{seed}")
    tell(f"ok: {path}", folder=str(path))


def _job(recipe: str, work: Path, command: str, group: str | None = None) -> Job:
    from lamo.training.stages.config import read_config, recipe_path
    from lamo.training.stages.pipeline import open_job

    shipped = recipe_path(recipe)
    path = shipped if shipped.is_file() else Path(recipe)
    if not path.is_file():
        raise click.UsageError(f"--config {recipe}: no such file, and no recipe of that name ships")
    typed = f"lamo-cds train {command} --config {path.stem if path == shipped else path.name}"
    return open_job(read_config(path), work, typed, group)


def _refusing(do: Callable[[], None]) -> None:
    """Every refusal of a stage is one sentence on the terminal."""
    from lamo.training.stages.config import ConfigRefused
    from lamo.training.stages.manifest import StageRefused

    try:
        do()
    except (ConfigRefused, StageRefused) as refused:
        raise click.ClickException(str(refused)) from None
