"""Whether the model is as good for one group of patients as for the others."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lamo.training.evaluation.bootstrap import Resamples
from lamo.training.evaluation.features import age_band
from lamo.training.evaluation.sets import visit_values

FEWEST = 30  # visits of a group below which no gap is judged
VISITS = {True: "repeat", False: "first", None: "unknown"}
DIAGNOSES = (0, 4, 8, 13)  # lower edges of the bands


@dataclass(frozen=True, slots=True, kw_only=True)
class Lists:
    """What was chosen and prescribed, and the best that could have been chosen."""

    chosen: Tensor  # (visits, candidates) bool
    prescribed: Tensor
    best: Tensor | None  # Bayes-optimal lists where the true probabilities are known


def group_names(facts: Mapping[str, Any]) -> dict[str, str]:
    """The group of one visit for each attribute."""
    return {
        "age": age_band(facts.get("age")),
        "sex": facts.get("sex") or "unknown",
        "setting": facts.get("setting") or "unknown",
        "number of diagnoses": _band(facts.get("diagnoses")),
        "visit": VISITS[facts.get("repeat")],
    }


def subgroup_table(
    lists: Lists, facts: Sequence[Mapping[str, Any]], resamples: Resamples
) -> list[dict[str, Any]]:
    """One row per attribute and group: size, Jaccard and ratio with intervals, gap to the others.

    Groups differ in how long and how predictable their lists are, so that a gap in Jaccard alone
    is no proof of unfairness: `share_of_best` sets each group beside its own limit.
    """
    values = visit_values(lists.chosen, lists.prescribed)
    best = None if lists.best is None else visit_values(lists.best, lists.prescribed)["jaccard"]
    names = [group_names(row) for row in facts]
    return [
        _row((attribute, group), (values, best), rows, resamples)
        for attribute in names[0]
        for group, rows in _masks([row[attribute] for row in names]).items()
    ]


def by_number(group: str) -> tuple[int, str]:
    """Sorts bands by their lower edge, and names without a number by the alphabet."""
    numbers = re.findall(r"\d+", group)
    return (int(numbers[0]) - group.startswith("under") if numbers else 0), group


def widest_gaps(table: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Per attribute, the best and the worst group of at least FEWEST visits."""
    gaps: dict[str, dict[str, Any]] = {}
    for attribute in dict.fromkeys(row["attribute"] for row in table):
        rows = [r for r in table if r["attribute"] == attribute and r["visits"] >= FEWEST]
        if len(rows) > 1:
            ordered = sorted(rows, key=lambda row: row["jaccard"]["value"])
            low, high = ordered[0], ordered[-1]
            gap = high["jaccard"]["value"] - low["jaccard"]["value"]
            gaps[attribute] = {
                "gap": round(gap, 4),
                "lowest": low["group"],
                "highest": high["group"],
            }
    return gaps


def _row(
    name: tuple[str, str],
    values: tuple[Mapping[str, Tensor], Tensor | None],
    rows: Tensor,
    resamples: Resamples,
) -> dict[str, Any]:
    by_visit, best = values
    jaccard = resamples.mean(by_visit["jaccard"], rows)
    ratio = resamples.ratio(by_visit["chosen"] * rows, by_visit["prescribed"] * rows)
    limit = None if best is None else best[rows].mean().item()
    return {
        "attribute": name[0],
        "group": name[1],
        "visits": int(rows.sum()),
        "jaccard": jaccard.to_json(),
        "overprescription_ratio": ratio.to_json(),
        "difference_from_others": resamples.contrast(by_visit["jaccard"], rows).to_json(),
        "share_of_best": round(jaccard.value / limit, 4) if limit else None,
    }


def _masks(groups: Sequence[str]) -> dict[str, Tensor]:
    return {
        name: torch.tensor([group == name for group in groups])
        for name in sorted(set(groups), key=by_number)
    }


def _band(count: int | None) -> str:
    if count is None:
        return "unknown"
    edge = max(index for index, lower in enumerate(DIAGNOSES) if lower <= count)
    if edge + 1 == len(DIAGNOSES):
        return f"{DIAGNOSES[edge]} and more"
    return f"{DIAGNOSES[edge]} to {DIAGNOSES[edge + 1] - 1}"
