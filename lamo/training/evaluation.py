"""How good a set of recommendations is: LAMO's metrics, the prevalence floor, the Bayes limit."""

from collections.abc import Mapping

import torch
from torch import Tensor


def set_metrics(chosen: Tensor, prescribed: Tensor) -> dict[str, float]:
    """LAMO's per-visit metrics (A.9 of its code: mean over visits), and the length of the list.

    Args:
        chosen: (visits, candidates) bool, what was recommended.
        prescribed: (visits, candidates) bool, what was prescribed.
    """
    hits = (chosen & prescribed).sum(dim=1).float()
    n_chosen, n_prescribed = chosen.sum(dim=1).float(), prescribed.sum(dim=1).float()
    union = (chosen | prescribed).sum(dim=1).float()
    precision = hits / n_chosen.clamp(min=1)
    recall = hits / n_prescribed.clamp(min=1)
    f1 = 2 * precision * recall / (precision + recall).clamp(min=1e-9)
    jaccard = torch.where(union > 0, hits / union.clamp(min=1), torch.ones_like(union))
    return {
        "jaccard": jaccard.mean().item(),
        "f1": f1.mean().item(),
        "precision": precision.mean().item(),
        "recall": recall.mean().item(),
        "medications_per_visit": n_chosen.mean().item(),
        "prescribed_per_visit": n_prescribed.mean().item(),
        "overprescription_ratio_micro": (n_chosen.sum() / n_prescribed.sum()).item(),
    }


def medication_ratios(chosen: Tensor, prescribed: Tensor, at_least: int = 20) -> dict[str, float]:
    """p10, p50 and p90 over medications of recommended / prescribed visits.

    Medications prescribed in fewer than `at_least` visits are left out: their ratio is noise.
    """
    counts = prescribed.sum(dim=0)
    ratio = (chosen.sum(dim=0) / counts.clamp(min=1))[counts >= at_least]
    if not len(ratio):
        return {}
    quantiles = torch.quantile(ratio.float(), torch.tensor([0.1, 0.5, 0.9])).tolist()
    return dict(zip(("p10", "p50", "p90"), quantiles, strict=True))


def prevalence_top_k(training: Tensor, visits: int) -> Tensor:
    """The floor: the same list for everyone, as long as the mean prescribed list.

    Args:
        training: (visits, candidates) bool, prescribed in training.
        visits: number of rows wanted.
    """
    length = round(training.float().sum(dim=1).mean().item())
    chosen = torch.zeros(training.shape[1], dtype=torch.bool)
    chosen[training.float().mean(dim=0).topk(length).indices] = True
    return chosen.expand(visits, -1)


def expected_jaccard_choice(probability: Tensor) -> Tensor:
    """Per visit the set of largest expected Jaccard, from probabilities of independent draws.

    The best set of size k is the k most probable. With X of the set and Y of the others prescribed,
    Jaccard is X / (k + Y) and X and Y are independent, so its mean is E[X] E[1 / (k + Y)]; the
    distribution of Y grows by one medication a step. With the generator's true probabilities
    this is the Bayes-optimal list: the limit of any model.

    Args:
        probability: (visits, candidates).
    """
    ordered, order = probability.sort(dim=1, descending=True)
    expected_hits = ordered.cumsum(dim=1)  # E[X] for k = 1..candidates
    visits, candidates = ordered.shape
    others = torch.zeros(visits, candidates + 1)
    others[:, 0] = 1.0  # distribution of Y; k = candidates leaves no others
    counts = torch.arange(candidates + 1, dtype=torch.float32)
    expected = torch.empty(visits, candidates + 1)
    for k in range(candidates, 0, -1):
        expected[:, k] = expected_hits[:, k - 1] * (others / (k + counts)).sum(dim=1)
        p = ordered[:, k - 1 : k]
        others = others * (1 - p) + p * torch.nn.functional.pad(others[:, :-1], (1, 0))
    expected[:, 0] = others[:, 0]  # an empty list is right when nothing is prescribed
    best = expected.argmax(dim=1, keepdim=True)
    chosen = torch.zeros_like(probability, dtype=torch.bool)
    return chosen.scatter(1, order, torch.arange(candidates)[None] < best)


def rounded(metrics: Mapping[str, float]) -> dict[str, float]:
    """Metrics to four decimals, as reports print them."""
    return {name: round(value, 4) for name, value in metrics.items()}
