"""The best that any model can reach, because the true probabilities are known."""

from collections.abc import Iterable, Mapping

from lamo.visits import Visit


def best_choice(probabilities: Mapping[str, float]) -> frozenset[str]:
    """The set with the highest expected Jaccard, near enough: the k likeliest, k chosen.

    For the k likeliest with sum S_k, of S in all, the expected Jaccard is close to
    S_k / (k + S - S_k).
    """
    ranked = sorted(probabilities, key=lambda label: (-probabilities[label], label))
    total = sum(probabilities.values())
    best, best_size, so_far = 0.0, 0, 0.0
    for size, label in enumerate(ranked, 1):
        so_far += probabilities[label]
        value = so_far / (size + total - so_far)
        if value > best:
            best, best_size = value, size
    return frozenset(ranked[:best_size])


def jaccard(chosen: frozenset[str], prescribed: frozenset[str]) -> float:
    """Shared share of both sets; 1 when both are empty."""
    union = len(chosen | prescribed)
    return len(chosen & prescribed) / union if union else 1.0


def bayes_optimal_jaccard(visits: Iterable[Visit]) -> float:
    """The mean Jaccard of the best choice over the visits, as drawn."""
    values = [jaccard(best_choice(visit.probabilities), visit.prescribed) for visit in visits]
    return sum(values) / len(values) if values else 0.0
