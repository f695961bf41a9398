"""The evaluation of one split, every system on the same rows in the same run.

`evaluate` is the table of contents. Everything that it reports is a number of this run: texts
come later, from these numbers (`wording.py`, `report.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from lamo.notes.digest import NoteTools
from lamo.training.calibration import Calibration
from lamo.training.evaluation.baselines import Rows, simple_baselines
from lamo.training.evaluation.bootstrap import RESAMPLES, Resamples
from lamo.training.evaluation.choices import expected_jaccard_choice
from lamo.training.evaluation.features import (
    AnyVisit,
    Seen,
    prescribed_of,
    seen_of,
    visit_facts,
)
from lamo.training.evaluation.held_out import HeldOut, held_out_report
from lamo.training.evaluation.linear import Training, all_features, code_features, fit_linear
from lamo.training.evaluation.measures import (
    Bench,
    Comparison,
    calibration_part,
    medication_table,
    population,
    signal_part,
    system_part,
)
from lamo.training.evaluation.safety import safety_metrics, safety_tables
from lamo.training.evaluation.sets import rounded
from lamo.training.evaluation.subgroups import Lists, subgroup_table, widest_gaps
from lamo.training.evaluation.systems import (
    Calibrator,
    Rule,
    ScoredSystem,
    Sees,
    System,
    balanced_jaccard,
    chosen_by,
    count_matching_thresholds,
    expected_jaccard,
    greedy_yes,
    plain_calibration,
)
from lamo.training.scored import Scored

LIMIT, FLOOR = "Bayes-optimal lists", "prevalence top-k"
LINEAR_CODES = "logistic regression on codes"
LINEAR_ALL = "logistic regression on codes, history and notes"


def standard_rules() -> tuple[Rule, ...]:
    """The original's rule first, then each improvement on it."""
    return (greedy_yes(), count_matching_thresholds(), expected_jaccard(), balanced_jaccard())


@dataclass(frozen=True, kw_only=True)
class Study:
    """What is evaluated: a scored model, its rivals, and the visits that all of them saw."""

    split: str  # what the test visits are, in words
    command: str  # what was typed to make this report
    seed: int
    train: Sequence[AnyVisit]
    validation_visits: Sequence[AnyVisit]
    test_visits: Sequence[AnyVisit]
    validation: Scored  # rows as validation_visits
    test: Scored  # rows as test_visits
    notes: NoteTools
    model: str = "grouped adapters"
    headline: str = "expected Jaccard"  # the rule by which the model is judged
    rules: tuple[Rule, ...] = field(default_factory=standard_rules)
    calibrator: Calibrator = plain_calibration  # the same for every system
    rivals: tuple[ScoredSystem, ...] = ()  # untuned model, one adapter for all, ...
    signal: Mapping[str, Scored] = field(default_factory=dict)  # "notes shuffled" -> test scores
    held_out: tuple[HeldOut, ...] = ()
    resamples: int = RESAMPLES

    def __post_init__(self) -> None:
        names = [rule.name for rule in self.rules]
        if self.headline not in names:
            raise ValueError(f"no rule is named {self.headline!r}: take one of {names}")
        _refuse_other_rows("validation", self.validation, self.validation_visits)
        _refuse_other_rows("test", self.test, self.test_visits)

    @property
    def main(self) -> ScoredSystem:
        """The model that the report is about."""
        return ScoredSystem(
            name=self.model,
            sees="prompt",
            role="model",
            validation=self.validation,
            test=self.test,
        )

    @property
    def headline_name(self) -> str:
        """The system that the report is about."""
        return f"{self.model}, {self.headline}"

    @cached_property
    def calibration(self) -> Calibration:
        """The model's own, made on validation visits."""
        return self.calibrator(self.validation)

    @property
    def headline_rule(self) -> Rule:
        """The rule of that system."""
        return next(rule for rule in self.rules if rule.name == self.headline)


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was measured, as JSON."""

    body: Mapping[str, Any]


def evaluate(study: Study) -> Report:
    """Measure every system on the test visits. The same study gives the same report.

    One thread: the tensors are small, and threads that wait for each other beside another busy
    process were measured to take twenty times as long.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return _measured(study)
    finally:
        torch.set_num_threads(threads)


def _measured(study: Study) -> Report:
    systems = _systems(study)
    by_name = {system.name: system for system in systems}
    headline = by_name[study.headline_name]
    resamples = Resamples(study.test.patients, study.seed, study.resamples)
    tables = safety_tables(study.test.labels, study.test_visits, study.notes.formulary)
    facts = [visit_facts(visit) for visit in study.test_visits]
    bench = Bench(
        prescribed=study.test.prescribed,
        repeat=torch.tensor([bool(row["repeat"]) for row in facts]),
        resamples=resamples,
        tables=tables,
    )
    comparison = Comparison(headline=headline, greedy=by_name[_first(study)])
    parts = {system.name: system_part(system, comparison, bench) for system in systems}
    best = by_name[LIMIT].chosen if LIMIT in by_name else None
    lists = Lists(chosen=headline.chosen, prescribed=study.test.prescribed, best=best)
    groups = subgroup_table(lists, facts, resamples)
    return Report(
        _head(study, parts)
        | {
            "systems": parts,
            "calibration": calibration_part(study.calibration, study.test),
            "medications": medication_table(study.test, headline.chosen),
            "prescribed_safety": rounded(safety_metrics(study.test.prescribed, tables)),
            "subgroups": groups,
            "subgroup_gaps": widest_gaps(groups),
            "signal": _signal(study, by_name, bench),
            "held_out": held_out_report(study.held_out),
            "population": {
                "train": population([visit_facts(visit) for visit in study.train]),
                "test": population(facts),
            },
        }
    )


def _refuse_other_rows(name: str, scored: Scored, visits: Sequence[AnyVisit]) -> None:
    if not torch.equal(prescribed_of(visits, scored.labels), scored.prescribed):
        raise ValueError(
            f"the {name} scores ({len(scored.prescribed)} rows) and visits ({len(visits)}) "
            "do not hold the same prescriptions: give the visits in the order of the scores"
        )


def _systems(study: Study) -> list[System]:
    """Limit, baselines, rivals and the model under each of its policies."""
    seen = [seen_of(v, study.notes) for v in (study.train, study.validation_visits)]
    rows = Rows(
        labels=study.test.labels,
        train=seen[0],
        train_prescribed=prescribed_of(study.train, study.test.labels),
        test=seen_of(study.test_visits, study.notes),
        seed=study.seed,
    )
    scored = [*_linear(study, rows, seen[1]), *study.rivals]
    return [
        *_limit(study.test.truth),
        *simple_baselines(rows),
        *(
            system
            for one in scored
            for system in chosen_by(one, study.calibrator(one.validation), study.rules)
        ),
        *chosen_by(study.main, study.calibration, study.rules),
    ]


def _limit(truth: Tensor | None) -> list[System]:
    if truth is None:
        return []
    chosen = expected_jaccard_choice(truth)
    return [
        System(name=LIMIT, sees="the truth", role="limit", chosen=chosen, probability=truth.float())
    ]


def _linear(study: Study, rows: Rows, validation: Sequence[Seen]) -> list[ScoredSystem]:
    data = Training(rows.train, rows.train_prescribed, validation, study.validation.prescribed)
    features = {LINEAR_CODES: code_features(rows.train), LINEAR_ALL: all_features(rows.train)}
    sees: dict[str, Sees] = {LINEAR_CODES: "codes", LINEAR_ALL: "codes and notes"}
    models = {name: fit_linear(data, words) for name, words in features.items()}
    return [
        ScoredSystem(
            name=name,
            sees=sees[name],
            role="baseline",
            validation=replace(study.validation, log_odds=model.log_odds(validation)),
            test=replace(study.test, log_odds=model.log_odds(rows.test)),
        )
        for name, model in models.items()
    ]


def _signal(study: Study, systems: Mapping[str, System], bench: Bench) -> list[dict[str, Any]]:
    choose = study.headline_rule.fit(study.validation, study.calibration)
    taken = {name: choose(scored.log_odds) for name, scored in study.signal.items()}
    whole, floor = systems[study.headline_name].chosen, systems[FLOOR].chosen
    return signal_part(taken, whole, floor, bench)


def _first(study: Study) -> str:
    return f"{study.model}, {study.rules[0].name}"


def _head(study: Study, parts: Mapping[str, Any]) -> dict[str, Any]:
    """What stands at the top level of the JSON."""
    main, limit = parts[study.headline_name], parts.get(LIMIT)
    ratio = main["overprescription"]
    baselines = {n: p["jaccard"] for n, p in parts.items() if _is_baseline(n, p, study)}
    return {
        "split": study.split,
        "command": study.command,
        "seed": study.seed,
        "headline": study.headline_name,
        "jaccard": main["jaccard"],
        "bayes_optimal_jaccard": limit["jaccard"] if limit else None,
        "overprescription_ratio_micro": ratio["ratio_micro"],
        "overprescription_ratio_p10": ratio.get("medication_p10"),
        "overprescription_ratio_p90": ratio.get("medication_p90"),
        "baselines": baselines,
        "counts": {
            "train_visits": len(study.train),
            "train_patients": len({visit.record.patient_id for visit in study.train}),
            "validation_visits": len(study.validation_visits),
            "validation_patients": len(set(study.validation.patients)),
            "test_visits": len(study.test_visits),
            "test_patients": len(set(study.test.patients)),
            "medications": len(study.test.labels),
            "resamples": study.resamples,
        },
    }


def _is_baseline(name: str, part: Mapping[str, Any], study: Study) -> bool:
    """Everything but the limit and the model's own improvements on the original's rule."""
    is_original = name == _first(study) and name != study.headline_name
    return part["role"] == "baseline" or is_original
