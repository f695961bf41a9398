"""A report on disk: JSON with every number, Markdown and plots made from that JSON alone."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lamo.training.evaluation.plots import draw_plots
from lamo.training.evaluation.study import Report
from lamo.training.evaluation.wording import interval_text, sentences, table

Body = Mapping[str, Any]

UNTUNED = (
    "The untuned base model is the one below the adapters, asked without any: a base that the same "
    "recipe trained was trained on the same questions, and one from elsewhere was not."
)


def write_report(report: Report, folder: Path, name: str = "report") -> Path:
    """Write name.json, name.md and name-*.png to a folder, which is made; returns the JSON.

    Args:
        report: from `evaluate`.
        folder: where the files go.
        name: what they are called.
    """
    folder.mkdir(parents=True, exist_ok=True)
    body = dict(report.body) | {"findings": sentences(report.body)}
    path = folder / f"{name}.json"
    path.write_text(json.dumps(body, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    plots = draw_plots(body, folder, name)
    (folder / f"{name}.md").write_text(markdown(body, plots), encoding="utf-8")
    return path


def markdown(body: Body, plots: Mapping[str, str]) -> str:
    """The report as Markdown.

    Args:
        body: the JSON of the report.
        plots: file name of each plot by its caption.
    """
    blocks = [
        [f"# Evaluation: {body['headline']}"],
        [f"- {sentence}" for sentence in body.get("findings") or sentences(body)],
        [
            f"Made by `{body['command']}` with seed {body['seed']}. All numbers are of this run. "
            f"Intervals are 95 %, from {body['counts']['resamples']} resamples of patients; "
            "differences are paired."
        ],
        ["## Systems", "", *_systems(body)],
        ["## Length of the lists", "", *_lengths(body)],
        ["## Equal counts", "", *_matched(body)],
        ["## Calibration", "", *_calibration(body)],
        ["## Safety", "", *_safety(body)],
        ["## Groups of patients", "", *_groups(body)],
        *_signal(body),
        *_held_out(body),
        ["## Counts", "", *[f"- {k.replace('_', ' ')}: {v}" for k, v in body["counts"].items()]],
        *([f"![{caption}]({file})"] for caption, file in plots.items()),
    ]
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def _systems(body: Body) -> list[str]:
    heads = ("System", "Sees", "Jaccard", "F1", "Precision", "Recall", "PR-AUC", "Model minus it")
    rows = [
        (
            name,
            part["sees"],
            interval_text(part["intervals"]["jaccard"]),
            *(f"{part[key]:.3f}" for key in ("f1", "precision", "recall")),
            f"{part['ranking']['pr_auc_visit']:.3f}" if "ranking" in part else "",
            "" if name == body["headline"] else interval_text(part["headline_minus_this"]),
        )
        for name, part in body["systems"].items()
    ]
    is_there = any("untuned base model" in name for name in body["systems"])
    return [*([UNTUNED, ""] if is_there else []), *table(heads, rows)]


_LENGTHS = {
    "Micro": "ratio_micro",
    "Visit mean": "ratio_visit_mean",
    "Visit median": "ratio_visit_median",
    ">1.25": "share_above_1.25",
    ">1.5": "share_above_1.5",
    "<0.75": "share_below_0.75",
    "Excess": "excess_per_visit",
    "False pos.": "false_positives_per_visit",
    "p10": "medication_p10",
    "p50": "medication_p50",
    "p90": "medication_p90",
    "Never": "medications_never_chosen",
    "log ratio": "medication_mean_abs_log_ratio",
}


def _lengths(body: Body) -> list[str]:
    rows = [
        (
            name,
            f"{part['medications_per_visit']:.1f}",
            *(_number(part["overprescription"].get(key)) for key in _LENGTHS.values()),
        )
        for name, part in body["systems"].items()
    ]
    return [
        "Recommended / prescribed: of all, per visit, and per medication (p10 to p90, of those "
        "prescribed often enough; medications never recommended; mean absolute log ratio).",
        "",
        *table(("System", "Per visit", *_LENGTHS), rows),
    ]


def _matched(body: Body) -> list[str]:
    heads = ("System", "Jaccard", "F1", "Model minus it")
    rows = [
        (
            name.rsplit(", ", 1)[0],
            f"{part['matched_count']['jaccard']:.3f}",
            f"{part['matched_count']['f1']:.3f}",
            interval_text(part.get("headline_minus_this_at_equal_count") or _NOTHING),
        )
        for name, part in body["systems"].items()
        if "matched_count" in part and _is_first_rule(name, body)
    ]
    return [
        "Every system that has scores, made to recommend as many medications in all as were "
        "prescribed: gains that come from the length of the list alone are gone.",
        "",
        *table(heads, rows),
    ]


_NOTHING: dict[str, float | None] = {"value": None, "low": None, "high": None}


def _is_first_rule(name: str, body: Body) -> bool:
    """A system appears once, whatever its rules: its probabilities are the same."""
    system = name.rsplit(", ", 1)[0]
    names: Mapping[str, Any] = body["systems"]
    return name == next(other for other in names if other.rsplit(", ", 1)[0] == system)


def _calibration(body: Body) -> list[str]:
    heads = ("", "ECE class-wise", "ECE pooled", "Brier")
    rows = [
        (stage, *(f"{part[key]:.4f}" for key in ("ece", "ece_pooled", "brier")))
        for stage, part in body["calibration"].items()
    ]
    return table(heads, rows)


_SAFETY = {
    "DDI per visit": "ddi_rate_visit_mean",
    "DDI pooled": "ddi_rate_pooled",
    "Visits with a duplicate class": "duplicate_class_rate",
    "With an allergy conflict": "allergy_conflict_rate",
}


def _safety(body: Body) -> list[str]:
    parts = {"true prescriptions": body["prescribed_safety"]}
    parts |= {n: p["safety"] for n, p in body["systems"].items() if p["role"] == "model"}
    rows = [
        (name, *(f"{part[key]:.4f}" for key in _SAFETY.values())) for name, part in parts.items()
    ]
    return [
        "Pairs of the high-priority interaction list, two of one class, and what a recorded "
        "allergy speaks against. The tables are drafts, not reviewed by a pharmacist.",
        "",
        *table(("", *_SAFETY), rows),
    ]


def _groups(body: Body) -> list[str]:
    heads = ("Group", "Visits", "Jaccard", "Minus the others", "Of its own limit", "Ratio")
    rows = [
        (
            f"{row['attribute']}: {row['group']}",
            str(row["visits"]),
            interval_text(row["jaccard"]),
            interval_text(row["difference_from_others"]),
            _number(row["share_of_best"]),
            interval_text(row["overprescription_ratio"]),
        )
        for row in body["subgroups"]
    ]
    return table(heads, rows)


def _signal(body: Body) -> list[list[str]]:
    heads = ("Input", "Jaccard", "Loss", "Share of the lift over prevalence")
    rows = [
        (
            row["input"],
            interval_text(row["jaccard"]),
            interval_text(row["loss"]),
            _number(row["share_of_lift"]),
        )
        for row in body["signal"]
    ]
    return [["## What the signal is in", "", *table(heads, rows)]] if rows else []


def _held_out(body: Body) -> list[list[str]]:
    if not body["held_out"]:
        return []
    heads = ("Medication", "Class", "Visits", "AUROC", "PR-AUC", "F1", "Prevalence F1")
    rows = [
        (
            row["medication"],
            row["class"],
            str(row["prescribed_visits"]),
            *(_number(row[key]) for key in ("auroc", "pr_auc", "f1", "baseline_f1")),
        )
        for row in body["held_out"]["medications"]
    ]
    return [["## Medications held out of training", "", *table(heads, rows)]]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}".removesuffix(".000")
