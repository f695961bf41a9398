"""The report of an artifact on another hospital's visits: JSON, and Markdown from that JSON."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from lamo.artifact import Artifact
from lamo.training.evaluation.bootstrap import Interval, Resamples
from lamo.training.evaluation.sets import visit_values
from lamo.training.evaluation.wording import FEW_PATIENTS, interval_text, table

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Choice:
    """What one system chose on the test visits."""

    name: str
    role: str  # "model" or "baseline"; the first model is the artifact as it is
    fitted_on: str  # what of this cohort it has learned from, in words
    chosen: Tensor  # (visits, candidates) bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The rows that every system is measured on, and where they come from."""

    command: str
    seed: int
    resamples: int
    source: str
    artifact: Artifact
    prescribed: Tensor  # (visits, candidates) bool
    patients: Sequence[str]
    counts: Mapping[str, int]
    cohort_hashes: Mapping[str, str]  # SHA-256 of the files that were read
    training: Mapping[str, Any]


def report_body(measured: Measured, choices: Sequence[Choice]) -> Body:
    """Every number of the report."""
    resamples = Resamples(measured.patients, measured.seed, measured.resamples)
    jaccard = {c.name: visit_values(c.chosen, measured.prescribed)["jaccard"] for c in choices}
    first = next(choice.name for choice in choices if choice.role == "model")
    baselines = [choice.name for choice in choices if choice.role == "baseline"]
    best = max(baselines, key=lambda name: float(jaccard[name].mean()))
    others = {"minus_as_is": jaccard[first], "minus_best_baseline": jaccard[best]}
    systems = {
        choice.name: _system(choice, measured.prescribed, resamples)
        | {
            name: resamples.difference(jaccard[choice.name], other).to_json()
            for name, other in others.items()
        }
        for choice in choices
    }
    artifact = measured.artifact
    body = {
        "command": measured.command,
        "seed": measured.seed,
        "resamples": measured.resamples,
        "artifact": {
            "name": artifact.name,
            "version": artifact.version,
            "sha256": artifact.sha256,
            "selection": artifact.selection.name,
        },
        "cohort": {"source": measured.source, "sha256": dict(measured.cohort_hashes)},
        "counts": dict(measured.counts),
        "prescribed_per_visit": resamples.mean(measured.prescribed.sum(dim=1)).to_json(),
        "systems": systems,
        "best_baseline": best,
        "training": dict(measured.training),
    }
    return body | {"findings": list(_findings(body))}


def write_external(body: Body, stem: Path) -> Path:
    """Write STEM.json and STEM.md; returns the JSON."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    path = stem.with_name(f"{stem.name}.json")
    path.write_text(json.dumps(body, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    stem.with_name(f"{stem.name}.md").write_text(markdown(body), encoding="utf-8")
    return path


def markdown(body: Body) -> str:
    """The report as Markdown."""
    artifact, training = body["artifact"], body["training"]
    blocks = [
        [f"# {artifact['name']} {artifact['version']} on visits of {body['cohort']['source']}"],
        [f"- {sentence}" for sentence in body["findings"]],
        [
            f"Made by `{body['command']}`. All numbers are of this run, on the same "
            f"{body['counts']['test_visits']} test visits for every system, lists chosen by the "
            f"artifact's policy ({artifact['selection']}). Intervals are 95 %, from "
            f"{body['resamples']} resamples of patients; differences are paired."
        ],
        ["## Systems", "", *_table(body)],
        ["Prescribed per visit: " + interval_text(body["prescribed_per_visit"]) + "."],
        [
            f"The adapters were trained from where the artifact left them, {training['passes']} "
            f"passes at a learning rate of {training['learning_rate']:g}, without early stopping: "
            "validation visits of a small cohort are too few to choose a step by. For the same "
            "reason the visits that trained them calibrate them as well, so that their thresholds "
            "rest partly on scores that are too good."
        ],
        ["## Counts", "", *[f"- {k.replace('_', ' ')}: {v}" for k, v in body["counts"].items()]],
    ]
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def _system(choice: Choice, prescribed: Tensor, resamples: Resamples) -> dict[str, Any]:
    values = visit_values(choice.chosen, prescribed)
    measures: dict[str, Interval] = {
        "jaccard": resamples.mean(values["jaccard"]),
        "f1": resamples.mean(values["f1"]),
        "medications_per_visit": resamples.mean(values["chosen"]),
        "overprescription_ratio_micro": resamples.ratio(values["chosen"], values["prescribed"]),
    }
    numbers = {name: interval.to_json() for name, interval in measures.items()}
    return {"role": choice.role, "fitted_on": choice.fitted_on} | numbers


def _findings(body: Body) -> Iterator[str]:
    yield from _few(body["counts"])
    for name, part in body["systems"].items():
        if part["role"] == "model":
            yield (
                f"{name.capitalize()}: Jaccard {interval_text(part['jaccard'])}, "
                f"{interval_text(part['overprescription_ratio_micro'])} times as many medications "
                "as were prescribed."
            )
    models = {n: part for n, part in body["systems"].items() if part["role"] == "model"}
    first, *others = models
    for name in others:
        yield _compared(name, first, models[name]["minus_as_is"])
    best = f"the best baseline, {body['best_baseline']}"
    for name, part in models.items():
        yield _compared(name, best, part["minus_best_baseline"])


def _few(counts: Mapping[str, int]) -> Iterator[str]:
    everyone, tested = counts["patients"], counts["test_patients"]
    if everyone <= FEW_PATIENTS:
        hundreds = -(-everyone // 100) * 100
        yield (
            f"{hundreds} patients prove nothing about accuracy: {everyone} have a visit that can "
            f"be used, {tested} of them are in the test part."
        )
    elif tested <= FEW_PATIENTS:
        yield f"{tested} test patients prove nothing about accuracy."


def _compared(name: str, other: str, difference: Mapping[str, float]) -> str:
    shown = "no difference is shown"
    if difference["low"] > 0:
        shown = "it is better"
    elif difference["high"] < 0:
        shown = "it is worse"
    gap = interval_text(difference)
    return f"{name.capitalize()} against {other}: {shown}; the difference in Jaccard is {gap}."


def _table(body: Body) -> list[str]:
    heads = (
        "System",
        "Jaccard",
        "F1",
        "Medications per visit",
        "Recommended / prescribed",
        "Jaccard minus as is",
        "Fitted on",
    )
    names = ("jaccard", "f1", "medications_per_visit", "overprescription_ratio_micro")
    as_is = next(iter(body["systems"]))
    rows = [
        (
            name,
            *(interval_text(part[key]) for key in names),
            "" if name == as_is else interval_text(part["minus_as_is"]),
            part["fitted_on"],
        )
        for name, part in body["systems"].items()
    ]
    return table(heads, rows)
