"""Whether more is recommended than prescribed: in all, per visit and per medication.

The total hides much: a model may recommend common medications too often and forget the rare ones
and still come out at 1. So the ratio is told in every way that could show it.
"""

import torch
from torch import Tensor

HALF = 0.5  # added to both counts of a log ratio, so that a count of zero has one
AT_LEAST = 20  # prescribed visits from which a medication's own ratio is judged


def overprescription(
    chosen: Tensor, prescribed: Tensor, at_least: int = AT_LEAST
) -> dict[str, float]:
    """Every variant of recommended / prescribed.

    Visits without any prescription have no ratio and count in `excess_per_visit` and
    `false_positives_per_visit` only.

    Args:
        chosen, prescribed: (visits, candidates) bool.
        at_least: prescribed visits from which a medication's own ratio is judged.
    """
    by_visit, by_visit_true = chosen.sum(dim=1).double(), prescribed.sum(dim=1).double()
    wrong = (chosen & ~prescribed).sum(dim=1).double()
    return {
        "ratio_micro": (by_visit.sum() / by_visit_true.sum().clamp(min=1)).item(),
        **_visit_ratios(by_visit, by_visit_true),
        "excess_per_visit": (by_visit - by_visit_true).clamp(min=0).mean().item(),
        "false_positives_per_visit": wrong.mean().item(),
        **_by_medication(chosen.sum(dim=0), prescribed.sum(dim=0), at_least),
    }


def medication_ratio_quantiles(
    chosen: Tensor, prescribed: Tensor, at_least: int = AT_LEAST
) -> dict[str, float]:
    """p10, p50 and p90 of the ratio over medications; empty when none is judged.

    Args:
        chosen, prescribed: (candidates,) number of visits.
        at_least: prescribed visits below which a medication is left out.
    """
    ratio = (chosen / prescribed.clamp(min=1))[prescribed >= at_least]
    if not len(ratio):
        return {}
    quantiles = torch.quantile(ratio.float(), torch.tensor([0.1, 0.5, 0.9])).tolist()
    return dict(zip(("p10", "p50", "p90"), quantiles, strict=True))


def match_count(scores: Tensor, prescribed: Tensor) -> Tensor:
    """The (visit, medication) pairs with the highest scores, as many as were prescribed in all.

    It makes systems comparable that differ in the length of their lists.

    Args:
        scores: (visits, candidates), comparable between medications: probabilities.
        prescribed: (visits, candidates) bool.
    """
    best = scores.flatten().topk(int(prescribed.sum())).indices
    chosen = torch.zeros(scores.numel(), dtype=torch.bool)
    chosen[best] = True
    return chosen.view_as(prescribed)


def _visit_ratios(chosen: Tensor, prescribed: Tensor) -> dict[str, float]:
    has_any = prescribed > 0
    if not has_any.any():
        return {}
    ratio = chosen[has_any] / prescribed[has_any]
    return {
        "ratio_visit_mean": ratio.mean().item(),
        "ratio_visit_median": ratio.quantile(0.5).item(),
        "share_above_1.25": (ratio > 1.25).double().mean().item(),
        "share_above_1.5": (ratio > 1.5).double().mean().item(),
        "share_below_0.75": (ratio < 0.75).double().mean().item(),
    }


def _by_medication(chosen: Tensor, prescribed: Tensor, at_least: int) -> dict[str, float]:
    judged = prescribed >= at_least
    log_ratio = ((chosen + HALF) / (prescribed + HALF)).log().abs()[judged]
    quantiles = medication_ratio_quantiles(chosen, prescribed, at_least)
    return {
        **{f"medication_{name}": value for name, value in quantiles.items()},
        "medications_judged": float(judged.sum()),
        "medications_never_chosen": float(((chosen == 0) & (prescribed > 0)).sum()),
        **({"medication_mean_abs_log_ratio": log_ratio.mean().item()} if judged.any() else {}),
    }
