"""Two trainings on the same patients, side by side: is the cheaper one worse?

    python -m benchmarks.two_trainings demo=training demo-compact=var/compact

Recipe and work folder of `lamo-cds train`, finished as far as the stage calibrate. Lists are chosen
by the policy that each has fitted on its own validation visits; the difference in Jaccard is paired
by visit, its interval comes from resampled patients.
"""

from dataclasses import dataclass
from pathlib import Path

import click
from torch import Tensor

from lamo.training.evaluation.bootstrap import Resamples
from lamo.training.evaluation.sets import visit_values
from lamo.training.selection import choose_rows
from lamo.training.stages.adapters import scored_of
from lamo.training.stages.calibrate import calibration_of, policy_of
from lamo.training.stages.config import read_config, recipe_path
from lamo.training.stages.pipeline import open_job

SEED, AT_LEAST = 2023, 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Lists:
    """What one training chose for the test visits."""

    name: str
    chosen: Tensor  # (visits, candidates) bool
    prescribed: Tensor
    patients: tuple[str, ...]

    @property
    def jaccard(self) -> Tensor:
        """(visits,)."""
        return visit_values(self.chosen, self.prescribed)["jaccard"]


@click.command()
@click.argument("trainings", nargs=2)
def main(trainings: tuple[str, str]) -> None:
    """Print the table."""
    one, other = (_lists(*training.split("=", 1)) for training in trainings)
    if one.patients != other.patients or not bool((one.prescribed == other.prescribed).all()):
        raise click.ClickException(
            "their test visits are not the same: give the same cohort and seed"
        )
    resamples = Resamples(one.patients, SEED)
    click.echo(f"{len(one.patients)} visits of {resamples.patients} patients")
    click.echo(f"{'':<20}{'Jaccard':>9}  {'95 % interval':<18}{'ratio':>7}{'p10':>7}{'p90':>7}")
    for lists in (one, other):
        mean = resamples.mean(lists.jaccard)
        spread = resamples.medication_quantiles(lists.chosen, lists.prescribed, AT_LEAST)
        ratio = float(lists.chosen.sum() / lists.prescribed.sum())
        click.echo(
            f"{lists.name:<20}{mean.value:>9.4f}  {f'{mean.low:.4f} to {mean.high:.4f}':<18}"
            f"{ratio:>7.3f}{spread['p10'].value:>7.2f}{spread['p90'].value:>7.2f}"
        )
    gap = resamples.difference(other.jaccard, one.jaccard)
    shown = "a difference is shown" if gap.excludes_zero else "no difference is shown"
    interval = f"{gap.value:+.4f} ({gap.low:+.4f} to {gap.high:+.4f})"
    click.echo(f"{other.name} minus {one.name}: {interval}, {shown}")


def _lists(recipe: str, work: str) -> Lists:
    job = open_job(read_config(recipe_path(recipe)), Path(work), "benchmarks.two_trainings")
    scored = scored_of(job, "test")
    chosen = choose_rows(policy_of(job), scored.log_odds, calibration_of(job))
    return Lists(
        name=recipe, chosen=chosen, prescribed=scored.prescribed, patients=tuple(scored.patients)
    )


if __name__ == "__main__":
    main()
