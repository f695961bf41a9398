"""An artifact on the visits of a hospital that it was not trained on: `lamo-cds train external`.

Three ways to use it, on the same test visits in the same run, beside baselines that need no model:
as it is, with its own thresholds; recalibrated on the hospital's other visits; and with its
adapters trained further on them. Nothing is tuned on the test visits.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from torch import Tensor

from fhir_mappings.formulary import Formulary
from lamo.artifact import Artifact, load_artifact
from lamo.notes.digest import NoteTools
from lamo.notes.rules import rule_tools
from lamo.training.calibration import Calibration, CalibrationPlan, calibrate
from lamo.training.evaluation.baselines import Rows, simple_baselines
from lamo.training.evaluation.bootstrap import RESAMPLES
from lamo.training.evaluation.features import seen_of
from lamo.training.external_cohort import ExternalCohort, counts_of, read_external
from lamo.training.external_model import (
    ExternalModel,
    Tokenised,
    own_calibration,
    small_steps,
)
from lamo.training.external_report import Choice, Measured, report_body, write_external
from lamo.training.fit import FitReport
from lamo.training.selection import choose_rows, pairs_beside

BASELINES = (
    "prevalence top-k",
    "copy previous visit",
    "copy home medications",
    "nearest neighbour on codes",
)
AS_IS, RECALIBRATED, TRAINED = "as is", "recalibrated", "adapters trained on it"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalPlan:
    """What is compared, and how far the adapters are trained."""

    artifact: Path
    cohort: Path  # folder of a split: train, validation and test as JSON lines, manifest.json
    command: str  # what was typed, for the report
    seed: int = 2023
    passes: int = 3  # over the train visits
    learning_rate: float = 3e-4
    resamples: int = RESAMPLES


def run_external(plan: ExternalPlan, stem: Path) -> Path:
    """Compare, and write STEM.json and STEM.md; returns the JSON.

    Raises:
        ArtifactRefused: the artifact on disk cannot be used.
        CohortError: the folder is no whole split, or one that this comparison cannot stand on.
    """
    artifact = load_artifact(plan.artifact)
    model = ExternalModel(artifact)
    notes = rule_tools(Formulary.load())
    cohort = read_external(plan.cohort, model, notes)
    untrained = _untrained(artifact, model, cohort)
    fits, trained = _trained(plan, model, cohort, artifact)
    choices = [*untrained, trained, *_baselines(plan, cohort, notes, model.labels)]
    measured = Measured(
        command=plan.command,
        seed=plan.seed,
        resamples=plan.resamples,
        source=cohort.source,
        artifact=artifact,
        prescribed=cohort.parts["test"].prescribed,
        patients=cohort.parts["test"].patients,
        counts=counts_of(cohort, len(model.labels)),
        cohort_hashes=cohort.hashes,
        training=_training(plan, fits),
    )
    return write_external(report_body(measured, choices), stem)


def _untrained(artifact: Artifact, model: ExternalModel, cohort: ExternalCohort) -> list[Choice]:
    """The artifact's own scores under its own thresholds, and under the hospital's."""
    test = model.score(cohort.parts["test"].examples)
    fitting = cohort.fitting
    recalibrated = _calibrated(model, fitting, model.score(fitting.examples))

    def chosen(calibration: Calibration) -> Tensor:
        return _chosen(artifact, test, calibration)

    visits = len(fitting.visits)
    return [
        Choice(AS_IS, "model", "nothing of this cohort", chosen(own_calibration(artifact))),
        Choice(
            RECALIBRATED,
            "model",
            f"calibration and thresholds: {visits} train and validation visits",
            chosen(recalibrated),
        ),
    ]


def _trained(
    plan: ExternalPlan, model: ExternalModel, cohort: ExternalCohort, artifact: Artifact
) -> tuple[Mapping[str, FitReport], Choice]:
    """Warm-started adapters; with so few visits, those of the training calibrate as well."""
    train, fitting = cohort.parts["train"], cohort.fitting
    steps = small_steps(len(train.examples), plan.passes, plan.learning_rate, plan.seed)
    fits = model.train(train.examples, steps)
    calibration = _calibrated(model, fitting, model.score(fitting.examples))
    test = model.score(cohort.parts["test"].examples)
    fitted_on = (
        f"adapters: {len(train.visits)} train visits; calibration and thresholds: "
        f"{len(fitting.visits)} train and validation visits"
    )
    chosen = _chosen(artifact, test, calibration)
    return fits, Choice(TRAINED, "model", fitted_on, chosen)


def _chosen(artifact: Artifact, log_odds: Tensor, calibration: Calibration) -> Tensor:
    policy = artifact.selection
    return choose_rows(policy, log_odds, calibration, pairs_beside(policy, artifact.vocabulary))


def _calibrated(model: ExternalModel, fitting: Tokenised, log_odds: Tensor) -> Calibration:
    return calibrate(log_odds, fitting.prescribed, CalibrationPlan(groups=model.groups))


def _baselines(
    plan: ExternalPlan, cohort: ExternalCohort, notes: NoteTools, labels: tuple[str, ...]
) -> list[Choice]:
    """Each may learn from the same visits as the recalibration."""
    rows = Rows(
        labels=labels,
        train=seen_of(cohort.fitting.visits, notes),
        train_prescribed=cohort.fitting.prescribed,
        test=seen_of(cohort.parts["test"].visits, notes),
        seed=plan.seed,
    )
    counted = f"{len(rows.train)} train and validation visits"
    return [
        Choice(
            system.name,
            "baseline",
            "nothing of this cohort" if system.sees == "history" else counted,
            system.chosen,
        )
        for system in simple_baselines(rows)
        if system.name in BASELINES
    ]


def _training(plan: ExternalPlan, fits: Mapping[str, FitReport]) -> dict[str, object]:
    """A single step's loss is that of a handful of visits, so losses are means over a pass."""
    return {
        "passes": plan.passes,
        "learning_rate": plan.learning_rate,
        "adapters": {name: _passes(plan, report) for name, report in fits.items()},
    }


def _passes(plan: ExternalPlan, report: FitReport) -> dict[str, float]:
    steps = -(-len(report.losses) // plan.passes)
    return {
        "steps": len(report.losses),
        "first_pass_loss": round(fmean(report.losses[:steps]), 4),
        "last_pass_loss": round(fmean(report.losses[-steps:]), 4),
    }
