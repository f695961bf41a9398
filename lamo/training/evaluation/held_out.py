"""Medications that the model was never trained on: are they still told apart?

A class is held out whole, so that no near relative stands in for its members. The baseline knows
only how often the medication is prescribed: it recommends it to everyone or to no one, so that
its AUROC is 0.5, its PR-AUC the prevalence p, and its best F1 2p / (1 + p).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import torch

from lamo.training.evaluation.ranking import area_under_roc, average_precision
from lamo.training.scored import Scored

FEWEST = 5  # prescribed visits below which a medication is not judged


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """One class of medications, scored by a model that never saw any of them in training."""

    name: str
    labels: tuple[str, ...]  # of the class
    scored: Scored  # its vocabulary holds the labels


def held_out_report(classes: Iterable[HeldOut]) -> dict[str, Any]:
    """Per medication and in the mean, beside the prevalence baseline; {} when none is judged."""
    rows = [row for one in classes for row in held_out_rows(one)]
    if not rows:
        return {}
    names = ("auroc", "pr_auc", "f1", "baseline_pr_auc", "baseline_f1")
    return {
        "medications": rows,
        "mean": {name: round(fmean(row[name] for row in rows), 4) for name in names},
        "above_baseline_auroc": sum(row["auroc"] > 0.5 for row in rows),
        "above_baseline_f1": sum(row["f1"] > row["baseline_f1"] for row in rows),
    }


def held_out_rows(held_out: HeldOut) -> list[dict[str, Any]]:
    """One row per medication of the class that was prescribed often enough.

    Raises:
        ValueError: a label of the class is not in the scored vocabulary.
    """
    scored = held_out.scored
    if missing := sorted(set(held_out.labels) - set(scored.labels)):
        raise ValueError(
            f"held-out class {held_out.name} names {missing}, which the scores lack: "
            "score every medication of the class"
        )
    columns = [scored.labels.index(label) for label in held_out.labels]
    scores, wanted = scored.log_odds.T[columns], scored.prescribed.T[columns]
    auroc, precision = area_under_roc(scores, wanted), average_precision(scores, wanted)
    f1 = 2 * ((scores > 0) & wanted).sum(dim=1) / ((scores > 0).sum(dim=1) + wanted.sum(dim=1))
    judged = (wanted.sum(dim=1) >= FEWEST) & ~torch.isnan(auroc)
    return [
        {
            "class": held_out.name,
            "medication": held_out.labels[row],
            "prescribed_visits": int(wanted[row].sum()),
            "auroc": round(auroc[row].item(), 4),
            "pr_auc": round(precision[row].item(), 4),
            "f1": round(f1[row].item(), 4),
            **_baseline(wanted[row].double().mean().item()),
        }
        for row in judged.nonzero()[:, 0].tolist()
    ]


def _baseline(prevalence: float) -> dict[str, float]:
    return {
        "baseline_pr_auc": round(prevalence, 4),
        "baseline_f1": round(2 * prevalence / (1 + prevalence), 4),
    }
