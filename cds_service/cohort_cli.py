"""`lamo-cds train cohort`: read a source into visits, and split visits."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import click

from cds_service.manners import Teller, json_option
from lamo.exports.errors import CohortError
from lamo.training.cohort.config import CohortConfig
from lamo.training.cohort.drugs import DrugBankFiles
from lamo.training.cohort.manifest import Manifest
from lamo.training.cohort.rules import EVERY_VISIT, CohortRules
from lamo.training.cohort.splits import How, SplitPlan
from lamo.training.cohort.stage import run_cohort, split_stage
from lamo.training.cohort.visit import Source
from lamo.visits import VisitUnreadable

_PATH = click.Path(exists=True, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)
_SPLIT = click.option(
    "--split",
    "splits",
    type=click.Choice(get_args(How)),
    multiple=True,
    default=["patient-hash"],
    show_default=True,
)
_SEEDS = click.option("--seed", "seeds", type=int, multiple=True, default=[2023], show_default=True)
_BOUNDS = click.option(
    "--bounds", type=(str, str), help="By time: where validation begins, and test."
)


@click.group()
def cohort() -> None:
    """Make visits of hospital tables or FHIR exports, and split them."""


@cohort.command()
@click.argument("source", type=click.Choice(get_args(Source)))
@click.argument("folders", type=_PATH, nargs=-1, required=True)
@click.option("--out", type=_FOLDER, required=True)
@click.option(
    "--rules",
    type=click.Choice(["lamo", "every-visit"]),
    default="lamo",
    show_default=True,
    help="LAMO's cohort, or every visit with a known medication.",
)
@click.option("--codes", type=_FILE, help="CSV of ndc and rxcui, for the formulary.")
@click.option(
    "--drugbank", type=(_FILE, _FILE), help="LAMO's own NDC map and DrugBank table, for its counts."
)
@click.option("--scratch", type=_FOLDER, help="Where temporary files go; as large as the tables.")
@_SPLIT
@_SEEDS
@_BOUNDS
@json_option
def run(source: Source, folders: tuple[Path, ...], out: Path, tell: Teller, **options: Any) -> None:
    """Read SOURCE from FOLDERS into visits, and split them."""
    config = CohortConfig(
        source=source,
        folders=folders,
        out=out,
        rules=CohortRules() if options["rules"] == "lamo" else EVERY_VISIT,
        splits=_plans(options["splits"], options["seeds"], options["bounds"]),
        codes=options["codes"],
        drugbank=_drugbank(options["drugbank"]),
        scratch=options["scratch"],
        progress=True,
    )
    try:
        manifests = run_cohort(config)
    except CohortError as error:
        raise click.ClickException(str(error)) from None
    for manifest in manifests:
        tell(*_lines(manifest), **_as_json(manifest))
    if not tell.as_json:
        click.echo(f"ok: the cohort is in {out}")


@cohort.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@_SPLIT
@_SEEDS
@_BOUNDS
@json_option
def split(
    folder: Path,
    splits: list[How],
    seeds: list[int],
    bounds: tuple[str, str] | None,
    tell: Teller,
) -> None:
    """Split the visits of FOLDER, which `run` has made, in another way."""
    for plan in _plans(splits, seeds, bounds):
        try:
            manifest = split_stage(folder, plan)
        except (CohortError, VisitUnreadable) as error:
            raise click.ClickException(str(error)) from None
        line = f"ok: the split is in {folder / plan.name}"
        tell(*_lines(manifest), line, **_as_json(manifest))


def _plans(
    splits: list[How], seeds: list[int], bounds: tuple[str, str] | None
) -> tuple[SplitPlan, ...]:
    plans = (SplitPlan(how=how, seed=seed, bounds=bounds) for how in splits for seed in seeds)
    return tuple({plan.name: plan for plan in plans}.values())


def _drugbank(files: tuple[Path, Path] | None) -> DrugBankFiles | None:
    return DrugBankFiles(ndc_map=files[0], info=files[1]) if files else None


def _as_json(manifest: Manifest) -> dict[str, Any]:
    return {
        "stage": manifest.stage,
        "seed": manifest.seed,
        "counts": dict(manifest.counts),
        "dropped": dict(manifest.dropped),
    }


def _lines(manifest: Manifest) -> Iterator[str]:
    yield manifest.stage
    for what, number in manifest.counts.items():
        yield f"{number:>12,}  {what}"
    for reason, number in manifest.dropped.items():
        yield f"{number:>12,}  dropped: {reason}"
