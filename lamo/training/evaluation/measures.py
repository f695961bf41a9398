"""The parts of a report, each made from choices and probabilities of one run."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from lamo.training.calibration import Calibration
from lamo.training.evaluation.bootstrap import Resamples
from lamo.training.evaluation.overprescription import AT_LEAST, match_count, overprescription
from lamo.training.evaluation.ranking import average_precision, ranking_metrics
from lamo.training.evaluation.reliability import calibration_error, reliability_table
from lamo.training.evaluation.safety import SafetyTables, safety_metrics
from lamo.training.evaluation.sets import (
    macro_metrics,
    micro_metrics,
    rounded,
    set_metrics,
    visit_values,
)
from lamo.training.evaluation.subgroups import by_number, group_names
from lamo.training.evaluation.systems import System
from lamo.training.scored import Scored


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """The rows that every system is measured on."""

    prescribed: Tensor  # (visits, candidates) bool
    repeat: Tensor  # (visits,) bool: a previous stay is known
    resamples: Resamples
    tables: SafetyTables


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What every system is compared with."""

    headline: System
    greedy: System  # the model under the original's rule


def system_part(system: System, comparison: Comparison, bench: Bench) -> dict[str, Any]:
    """Every measure of one system."""
    chosen, prescribed = system.chosen, bench.prescribed
    values = visit_values(chosen, prescribed)
    resamples = bench.resamples
    part: dict[str, Any] = {
        "role": system.role,
        "sees": system.sees,
        **rounded(set_metrics(chosen, prescribed)),
        **rounded(micro_metrics(chosen, prescribed)),
        **rounded(macro_metrics(chosen, prescribed)),
        "intervals": {
            name: resamples.mean(values[name]).to_json()
            for name in ("jaccard", "f1", "precision", "recall")
        },
        "overprescription": rounded(overprescription(chosen, prescribed)),
        "overprescription_intervals": _ratio_intervals(chosen, prescribed, resamples),
        "safety": rounded(safety_metrics(chosen, bench.tables)),
    }
    if bench.repeat.any():
        part["jaccard_repeat_visits"] = resamples.mean(values["jaccard"], bench.repeat).to_json()
    if system.probability is not None:
        part["ranking"] = rounded(ranking_metrics(system.probability, prescribed))
        matched = match_count(system.probability, prescribed)
        part["matched_count"] = rounded(set_metrics(matched, prescribed))
    return part | _differences(system, comparison, bench)


def calibration_part(fitted: Calibration, test: Scored) -> dict[str, Any]:
    """Error and reliability on test visits, before and after calibration on validation visits."""
    stages = {
        "before": test.log_odds.sigmoid(),
        "after": fitted.probabilities(test.log_odds),
    }
    return {
        name: {
            **rounded(calibration_error(probability, test.prescribed)),
            "reliability": [rounded(r) for r in reliability_table(probability, test.prescribed)],
        }
        for name, probability in stages.items()
    }


def medication_table(test: Scored, chosen: Tensor) -> list[dict[str, Any]]:
    """Each medication: prescribed and recommended visits, their ratio, F1 and PR-AUC."""
    n_prescribed, n_chosen = test.prescribed.sum(dim=0), chosen.sum(dim=0)
    f1 = 2 * (chosen & test.prescribed).sum(dim=0) / (n_prescribed + n_chosen).clamp(min=1)
    precision = average_precision(test.log_odds.T.contiguous(), test.prescribed.T.contiguous())
    return [
        {
            "label": label,
            "prescribed": int(n_prescribed[index]),
            "recommended": int(n_chosen[index]),
            "ratio": round((n_chosen[index] / n_prescribed[index]).item(), 4)
            if n_prescribed[index] >= AT_LEAST
            else None,
            "f1": round(f1[index].item(), 4),
            "pr_auc": round(precision[index].item(), 4) if n_prescribed[index] else None,
        }
        for index, label in enumerate(test.labels)
    ]


def signal_part(
    taken: Mapping[str, Tensor], whole: Tensor, floor: Tensor, bench: Bench
) -> list[dict[str, Any]]:
    """What the model loses when a part of its input is taken away or shuffled.

    `share_of_lift` is the loss as a share of what the model gains over the prevalence list.

    Args:
        taken: (visits, candidates) bool choices, by what was done to the input.
        whole: choices with the whole input.
        floor: choices of the prevalence list.
        bench: the rows.
    """
    jaccard = visit_values(whole, bench.prescribed)["jaccard"]
    lift = (jaccard - visit_values(floor, bench.prescribed)["jaccard"]).mean().item()
    rows = []
    for name, chosen in taken.items():
        less = visit_values(chosen, bench.prescribed)["jaccard"]
        loss = bench.resamples.difference(jaccard, less)
        share = round(loss.value / lift, 4) if lift > 0 else None
        rows.append(
            {
                "input": name,
                "jaccard": bench.resamples.mean(less).to_json(),
                "loss": loss.to_json(),
                "share_of_lift": share,
            }
        )
    return rows


def population(facts: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """The share of each group of patients among the visits."""
    names = [group_names(row) for row in facts]
    shares: dict[str, dict[str, float]] = {}
    for attribute in names[0] if names else ():
        counts = Counter(row[attribute] for row in names)
        groups = sorted(counts, key=by_number)
        shares[attribute] = {group: round(counts[group] / len(names), 4) for group in groups}
    return shares


def _ratio_intervals(chosen: Tensor, prescribed: Tensor, resamples: Resamples) -> dict[str, Any]:
    micro = resamples.ratio(chosen.sum(dim=1), prescribed.sum(dim=1))
    quantiles = resamples.medication_quantiles(chosen, prescribed, AT_LEAST)
    return {
        "ratio_micro": micro.to_json(),
        **{f"medication_{name}": interval.to_json() for name, interval in quantiles.items()},
    }


def _differences(system: System, comparison: Comparison, bench: Bench) -> dict[str, Any]:
    """Jaccard of the headline minus this one, and of this one minus greedy, over the same rows."""
    own = visit_values(system.chosen, bench.prescribed)["jaccard"]
    headline = visit_values(comparison.headline.chosen, bench.prescribed)["jaccard"]
    part = {"headline_minus_this": bench.resamples.difference(headline, own).to_json()}
    if system.role == "model":
        greedy = visit_values(comparison.greedy.chosen, bench.prescribed)["jaccard"]
        part["gain_over_greedy"] = bench.resamples.difference(own, greedy).to_json()
    if system.probability is not None and comparison.headline.probability is not None:
        pair = [
            visit_values(match_count(p, bench.prescribed), bench.prescribed)["jaccard"]
            for p in (comparison.headline.probability, system.probability)
        ]
        part["headline_minus_this_at_equal_count"] = bench.resamples.difference(*pair).to_json()
    return part
