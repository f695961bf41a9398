"""Stage 7, calibrate: probabilities, thresholds and the selection policy, on validation visits."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lamo.policies import Policy
from lamo.training.calibration import Calibration, CalibrationPlan, calibrate
from lamo.training.conformal import RiskPlan, calibrate_with_risk
from lamo.training.evaluation.features import marked, seen_of
from lamo.training.scored import Scored
from lamo.training.stages.adapters import scored_of
from lamo.training.stages.cohort import visits_of
from lamo.training.stages.examples import table_of
from lamo.training.stages.groups import groups_of
from lamo.training.stages.job import Job
from lamo.training.stages.notes import note_tools

_NUMBERS = ("slope", "bias", "recommend_at", "support_at", "base_rate", "balance")


def run(job: Job) -> Mapping[str, Any]:
    """Write calibration.json and policy.json."""
    validation = scored_of(job, "validation")
    calibration, policy = _fit(job, validation)
    folder = job.folder("calibrate")
    save_calibration(calibration, folder / "calibration.json")
    (folder / "policy.json").write_text(json.dumps(asdict(policy)) + "\n")
    return {"visits": len(validation.patients), "curves": sum(map(bool, calibration.curves))}


def calibration_of(job: Job) -> Calibration:
    """The finished calibration."""
    content = json.loads((job.folder("calibrate") / "calibration.json").read_text())
    curves = tuple(tuple((x, y) for x, y in curve) for curve in content.pop("curves"))
    return Calibration(**{name: torch.tensor(content[name]) for name in _NUMBERS}, curves=curves)


def policy_of(job: Job) -> Policy:
    """The finished policy."""
    return Policy(**json.loads((job.folder("calibrate") / "policy.json").read_text()))


def calibrated(job: Job, scored: Scored) -> Calibration:
    """Calibrate any scores of the validation visits as the recipe says, group by group."""
    group_of = {label: i for i, ls in enumerate(groups_of(job).values()) for label in ls}
    plan = CalibrationPlan(
        groups=torch.tensor([group_of[label] for label in scored.labels]),
        patients=scored.patients if job.config.calibrate.curves else None,
        at_home=_at_home(job, scored),
    )
    return calibrate(scored.log_odds, scored.prescribed, plan)


def _at_home(job: Job, scored: Scored) -> Tensor:
    """(visits, candidates) bool: what each validation patient is known to take already."""
    visits = list(visits_of(job, "validation"))
    rows = [visits[place] for place in table_of(job, "validation").places]
    columns = {label: index for index, label in enumerate(scored.labels)}
    return marked([seen.home for seen in seen_of(rows, note_tools())], columns)


def save_calibration(calibration: Calibration, path: Path) -> None:
    """Write as JSON."""
    numbers: dict[str, Any] = {name: getattr(calibration, name).tolist() for name in _NUMBERS}
    path.write_text(json.dumps(numbers | {"curves": calibration.curves}) + "\n")


def _fit(job: Job, validation: Scored) -> tuple[Calibration, Policy]:
    config = job.config.calibrate
    if config.policy == "risk-control":
        plan = RiskPlan(alpha=config.risk, guarantee=config.guarantee)
        return calibrate_with_risk(
            validation.log_odds, validation.prescribed, validation.patients, plan
        )
    policy = Policy(
        name=config.policy,
        count_ratio=config.count_ratio,
        interaction_cost=config.interaction_cost,
        duplicate_cost=config.duplicate_cost,
    )
    return calibrated(job, validation), policy
