"""Stage 8, evaluate: the report of the test split, and of fresh patients when asked.

Every system stands on the same rows: baselines that see codes and notes, the untuned base model,
one adapter for all, the groups' adapters by the original's rule and by each improvement on it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from fhir_mappings.formulary import Formulary
from lamo.notes.rules import rule_tools
from lamo.policies import Context, Policy
from lamo.training.calibration import Calibration
from lamo.training.evaluation.held_out import HeldOut
from lamo.training.evaluation.report import write_report
from lamo.training.evaluation.study import Study, evaluate, standard_rules
from lamo.training.evaluation.systems import Chooser, Rule, ScoredSystem
from lamo.training.model_card import demo_texts, model_card, write_model_card
from lamo.training.scored import Scored
from lamo.training.selection import choose_rows, pairs_beside
from lamo.training.stages.adapters import scored_of
from lamo.training.stages.calibrate import calibrated, policy_of
from lamo.training.stages.cohort import visits_of
from lamo.training.stages.examples import entries_of, table_of
from lamo.training.stages.fresh import Fresh, fresh_test
from lamo.training.stages.groups import held_out_of
from lamo.training.stages.job import Job
from lamo.training.stages.notes import SHUFFLED, WITHOUT
from lamo.training.stages.parts import RIVALS, systems_of
from lamo.visits import Visit

NAMES = {
    "greedy": "greedy Yes",
    "thresholds": "thresholds",
    "expected-jaccard": "expected Jaccard",
    "balanced-jaccard": "balanced Jaccard",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Test:
    """What is tested, in words and in rows."""

    split: str
    seed: int
    visits: list[Visit]
    scored: Scored
    rivals: tuple[ScoredSystem, ...] = ()
    signal: Mapping[str, Scored] | None = None


def run(job: Job) -> Mapping[str, Any]:
    """Write the report of the test split and the model card."""
    visits, scored = _visits(job, "test"), scored_of(job, "test")
    whose = "synthetic" if job.config.cohort.source == "synthetic" else "the cohort's"
    test = _Test(
        split=f"{len(visits)} visits of held-out {whose} patients",
        seed=job.config.seed,
        visits=visits,
        scored=scored,
        rivals=tuple(_rivals(job)),
        signal=_signal(job),
    )
    report = _report(job, test, job.folder("evaluate"))
    has_card = _write_card(job, report)
    return headline_metrics(job) | {"model_card": has_card}


def evaluate_fresh(job: Job, seed: int, folder: Path) -> Path:
    """Score synthetic patients of another seed with what was trained, and report on them."""
    fresh: Fresh = fresh_test(job, seed)
    test = _Test(
        split=f"{len(fresh.visits)} visits of fresh synthetic patients, seed {seed}",
        seed=seed,
        visits=fresh.visits,
        scored=fresh.scored,
    )
    return _report(job, test, folder)


def headline_metrics(job: Job) -> dict[str, Any]:
    """The numbers at the top of the report, as the artifact keeps them."""
    body = json.loads((job.folder("evaluate") / "report.json").read_text())
    names = ("split", "headline", "jaccard", "bayes_optimal_jaccard", "baselines")
    ratios = [name for name in body if name.startswith("overprescription_ratio")]
    return {name: body[name] for name in (*names, *ratios)}


def _write_card(job: Job, report: Path) -> bool:
    """The model card, if an author has said what no evaluation can."""
    path = job.config.evaluate.card_texts
    if path is None and not job.config.artifact.is_demonstration:
        return False
    texts = json.loads(path.read_text(encoding="utf-8")) if path else demo_texts()
    write_model_card(model_card(texts, json.loads(report.read_text())), report.parent)
    return True


def _report(job: Job, test: _Test, folder: Path) -> Path:
    policy = policy_of(job)
    formulary = Formulary.load()
    beside = pairs_beside(policy, [formulary.by_label(label) for label in test.scored.labels])
    rule = Rule(_name(policy), partial(_chooser, policy, beside))
    others = tuple(one for one in standard_rules() if one.name != rule.name)
    study = Study(
        split=test.split,
        command=job.command,
        seed=test.seed,
        train=_visits(job, "train"),
        validation_visits=_visits(job, "validation"),
        test_visits=test.visits,
        validation=scored_of(job, "validation"),
        test=test.scored,
        notes=rule_tools(formulary),
        headline=rule.name,
        rules=tuple(sorted((*others, rule), key=lambda one: one.name != NAMES["greedy"])),
        calibrator=partial(calibrated, job),
        rivals=test.rivals,
        signal=test.signal or {},
        held_out=tuple(_held_out(job, test.scored)),
        resamples=job.config.evaluate.resamples,
    )
    return write_report(evaluate(study), folder)


def _chooser(
    policy: Policy, beside: Context, _validation: Scored, calibration: Calibration
) -> Chooser:
    return lambda log_odds: choose_rows(policy, log_odds, calibration, beside)


def _name(policy: Policy) -> str:
    """A plain policy is one of the standard rules; any other has a name of its own."""
    is_plain = policy.name in NAMES and policy == Policy(name=policy.name)
    return NAMES[policy.name] if is_plain else f"{policy.name} of the artifact"


def _visits(job: Job, split: str) -> list[Visit]:
    """The visits that have a row in the tables."""
    visits = list(visits_of(job, split))
    return [visits[place] for place in table_of(job, split).places]


def _rivals(job: Job) -> list[ScoredSystem]:
    return [
        ScoredSystem(
            name=RIVALS[system],
            sees="prompt",
            role="baseline",
            validation=scored_of(job, "validation", system),
            test=scored_of(job, "test", system),
        )
        for system in systems_of(job)
    ]


def _signal(job: Job) -> dict[str, Scored]:
    if not job.config.notes.variants:
        return {}
    return {
        "notes shuffled across patients": scored_of(job, SHUFFLED),
        "without notes": scored_of(job, WITHOUT),
    }


def _held_out(job: Job, scored: Scored) -> list[HeldOut]:
    held_out = held_out_of(job)
    class_of = {entry.label: entry.drug_class for entry in entries_of(scored.labels)}
    classes = sorted({class_of[label] for label in held_out})
    members = {name: tuple(x for x in held_out if class_of[x] == name) for name in classes}
    return [HeldOut(name=n, labels=tuple(sorted(m)), scored=scored) for n, m in members.items()]
