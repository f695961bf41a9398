"""How well scores order what was prescribed before what was not, whatever threshold comes after.

Both measures hold ties together, as scikit-learn does; rows without a positive have none.
"""

import torch
from torch import Tensor


def average_precision(scores: Tensor, positives: Tensor) -> Tensor:
    """Area under the precision-recall curve of each row; nan where a row has no positive.

    It is the mean, over the positives, of the precision among all items scored as high.

    Args:
        scores: (rows, items).
        positives: (rows, items) bool.
    """
    above = _at_least(scores, scores)
    hits = _at_least(scores.masked_fill(~positives, -torch.inf), scores)
    precision = (hits / above).masked_fill(~positives, 0.0).sum(dim=1)
    return precision / _nan_if_zero(positives.sum(dim=1))


def area_under_roc(scores: Tensor, positives: Tensor) -> Tensor:
    """Chance that a positive of the row is scored above a negative, ties counting half.

    nan where a row has no positive or no negative.

    Args:
        scores: (rows, items).
        positives: (rows, items) bool.
    """
    negatives = scores.masked_fill(positives, torch.inf).sort(dim=1).values
    # positives stand at the end as infinities: a finite score never reaches them
    lower = torch.searchsorted(negatives, scores, right=False)
    not_higher = torch.searchsorted(negatives, scores, right=True)
    won = ((lower + not_higher).double() / 2).masked_fill(~positives, 0.0).sum(dim=1)
    pairs = positives.sum(dim=1) * (~positives).sum(dim=1)
    return won / _nan_if_zero(pairs)


def ranking_metrics(scores: Tensor, prescribed: Tensor) -> dict[str, float]:
    """PR-AUC and AUROC over visits and over medications, and precision at the prescribed count.

    Args:
        scores: (visits, candidates), finite, comparable between medications.
        prescribed: (visits, candidates) bool.
    """
    by_visit = average_precision(scores, prescribed)
    columns, positives = scores.T.contiguous(), prescribed.T.contiguous()
    by_medication = average_precision(columns, positives)
    return {
        "pr_auc_visit": by_visit.nanmean().item(),
        "pr_auc_macro": by_medication.nanmean().item(),
        "auroc_macro": area_under_roc(columns, positives).nanmean().item(),
        "precision_at_prescribed_count": precision_at_count(scores, prescribed).nanmean().item(),
    }


def precision_at_count(scores: Tensor, prescribed: Tensor) -> Tensor:
    """(visits,): precision of as many of the best medications as were prescribed; nan for none."""
    hits = prescribed.gather(1, scores.sort(dim=1, descending=True, stable=True).indices)
    counts = prescribed.sum(dim=1)
    inside = torch.arange(scores.shape[1])[None] < counts[:, None]
    return (hits & inside).sum(dim=1) / _nan_if_zero(counts)


def _at_least(scores: Tensor, limits: Tensor) -> Tensor:
    """(rows, items): how many scores of the row reach each limit."""
    ordered = scores.sort(dim=1).values
    return (scores.shape[1] - torch.searchsorted(ordered, limits.contiguous())).double()


def _nan_if_zero(counts: Tensor) -> Tensor:
    return counts.double().masked_fill(counts == 0, torch.nan)
