"""How close a set of recommendations is to what was prescribed: per visit, micro and macro."""

from collections.abc import Mapping

import torch
from torch import Tensor

from lamo.training.evaluation.overprescription import AT_LEAST, medication_ratio_quantiles


def set_metrics(chosen: Tensor, prescribed: Tensor) -> dict[str, float]:
    """LAMO's per-visit metrics (A.9 of its code: mean over visits), and the length of the list.

    Args:
        chosen: (visits, candidates) bool, what was recommended.
        prescribed: (visits, candidates) bool, what was prescribed.
    """
    values = visit_values(chosen, prescribed)
    total = values["prescribed"].sum()
    return {
        **{name: values[name].mean().item() for name in ("jaccard", "f1", "precision", "recall")},
        "medications_per_visit": values["chosen"].mean().item(),
        "prescribed_per_visit": values["prescribed"].mean().item(),
        "overprescription_ratio_micro": (values["chosen"].sum() / total).item(),
    }


def visit_values(chosen: Tensor, prescribed: Tensor) -> dict[str, Tensor]:
    """Each metric of each visit, (visits,) float64: what means and resamples are made of.

    Jaccard of two empty lists is 1; precision of an empty list and recall of nothing are 0.
    """
    hits = (chosen & prescribed).sum(dim=1).double()
    union = (chosen | prescribed).sum(dim=1).double()
    n_chosen, n_prescribed = chosen.sum(dim=1).double(), prescribed.sum(dim=1).double()
    precision, recall = hits / n_chosen.clamp(min=1), hits / n_prescribed.clamp(min=1)
    return {
        "jaccard": torch.where(union > 0, hits / union.clamp(min=1), torch.ones_like(union)),
        "f1": 2 * precision * recall / (precision + recall).clamp(min=1e-9),
        "precision": precision,
        "recall": recall,
        "chosen": n_chosen,
        "prescribed": n_prescribed,
        "hits": hits,
    }


def micro_metrics(chosen: Tensor, prescribed: Tensor) -> dict[str, float]:
    """Metrics over all (visit, medication) pairs at once."""
    return _of_counts("micro", *_counts(chosen.flatten(), prescribed.flatten()))


def macro_metrics(chosen: Tensor, prescribed: Tensor) -> dict[str, float]:
    """Metrics per medication, then their mean over the medications that were prescribed at all.

    `macro_f1_rarest_half` is the mean over the less often prescribed half of them.
    """
    hits, n_chosen, n_prescribed = _counts(chosen, prescribed)
    f1 = 2 * hits / (n_chosen + n_prescribed).clamp(min=1)
    seen = n_prescribed > 0
    if not seen.any():
        return {}
    rarest = n_prescribed[seen].sort(stable=True).indices[: max(1, int(seen.sum()) // 2)]
    return {
        "macro_f1": f1[seen].mean().item(),
        "macro_precision": (hits / n_chosen.clamp(min=1))[seen].mean().item(),
        "macro_recall": (hits / n_prescribed.clamp(min=1))[seen].mean().item(),
        "macro_f1_rarest_half": f1[seen][rarest].mean().item(),
    }


def medication_ratios(
    chosen: Tensor, prescribed: Tensor, at_least: int = AT_LEAST
) -> dict[str, float]:
    """p10, p50 and p90 over medications of recommended / prescribed visits.

    Medications prescribed in fewer than `at_least` visits are left out: their ratio is noise.
    """
    return medication_ratio_quantiles(chosen.sum(dim=0), prescribed.sum(dim=0), at_least)


def rounded(metrics: Mapping[str, float]) -> dict[str, float]:
    """Metrics to four decimals, as reports print them."""
    return {name: round(value, 4) for name, value in metrics.items()}


def _counts(chosen: Tensor, prescribed: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return (
        (chosen & prescribed).sum(dim=0).double(),
        chosen.sum(dim=0).double(),
        prescribed.sum(dim=0).double(),
    )


def _of_counts(prefix: str, hits: Tensor, chosen: Tensor, prescribed: Tensor) -> dict[str, float]:
    return {
        f"{prefix}_jaccard": (hits / (chosen + prescribed - hits).clamp(min=1)).item(),
        f"{prefix}_f1": (2 * hits / (chosen + prescribed).clamp(min=1)).item(),
        f"{prefix}_precision": (hits / chosen.clamp(min=1)).item(),
        f"{prefix}_recall": (hits / prescribed.clamp(min=1)).item(),
    }
