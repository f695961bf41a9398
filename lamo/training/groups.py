"""Which medications share an adapter. The choice is data in the artifact.

Five ways: slices of popularity (LAMO's), pharmacological class, clusters of medications that are
prescribed together, one group for all, one per medication. All look at training visits only.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sklearn.cluster import SpectralClustering
from torch import Tensor

from fhir_mappings.formulary import FormularyEntry

Groups = dict[str, tuple[str, ...]]  # labels by group name, a folder-safe word

_NEIGHBOURLY = 1e-3  # affinity of medications never seen together: keeps the graph in one piece


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a way of grouping may look at."""

    entries: Sequence[FormularyEntry]  # the candidates
    prescribed: Tensor  # (training visits, candidates) bool, in their order
    seed: int


def make_groups(way: str, seen: Seen, count: int) -> Groups:
    """Group the candidates in one of the WAYS; `count` is how many groups there may be.

    Raises:
        ValueError: no such way, or fewer than one group.
    """
    if way not in WAYS or count < 1:
        raise ValueError(
            f"groups.by = {way!r} with count = {count}: give one of {sorted(WAYS)} and a count "
            "from 1"
        )
    return WAYS[way](seen, min(count, len(seen.entries)))


def group_by_class(entries: Iterable[FormularyEntry], most: int = 8) -> Groups:
    """Group labels by the formulary's ATC-like group; the smallest groups are joined.

    Args:
        entries: the candidates.
        most: how many groups there may be; each costs one run of the prefix when serving.

    Returns:
        Labels by group name (a folder-safe word), in the order of the formulary.
    """
    groups: dict[str, list[str]] = {}
    for entry in entries:
        groups.setdefault(entry.atc_group, []).append(entry.label)
    ranked = sorted(groups, key=lambda name: (-len(groups[name]), name))
    kept, joined = (ranked, []) if len(ranked) <= most else (ranked[: most - 1], ranked[most - 1 :])
    result = {slug(name): tuple(groups[name]) for name in kept}
    if joined:
        result["other"] = tuple(label for name in joined for label in groups[name])
    return result


def group_by_popularity(seen: Seen, count: int) -> Groups:
    """LAMO's groups: the medications by how often they are prescribed, in equal slices.

    The last slice takes what is left over. LAMO ranks over all its visits, test visits among them;
    here the training visits alone decide, and ties keep the order of the formulary.
    """
    times = seen.prescribed.sum(dim=0).tolist()
    ranked = sorted(range(len(seen.entries)), key=lambda index: -times[index])
    size = len(ranked) // count
    ends = [size * (number + 1) for number in range(count - 1)] + [len(ranked)]
    slices = [ranked[size * number : end] for number, end in enumerate(ends)]
    return _named("popularity", seen.entries, slices)


def group_by_co_prescription(seen: Seen, count: int) -> Groups:
    """Clusters of medications that are prescribed to the same patients (spectral clustering).

    The affinity of two medications is the cosine of their columns: the visits with both, over the
    geometric mean of the visits with each. Clusters are named by size.
    """
    if count < 2 or count >= len(seen.entries):
        return group_all(seen, 1) if count < 2 else group_each(seen, count)
    columns = seen.prescribed.double()
    together = columns.T @ columns
    alone = together.diagonal().clamp(min=1).sqrt()
    affinity = together / (alone[:, None] * alone[None]) + _NEIGHBOURLY
    affinity.fill_diagonal_(1.0)
    clustering = SpectralClustering(
        n_clusters=count, affinity="precomputed", assign_labels="cluster_qr", random_state=seen.seed
    )
    found = clustering.fit_predict(affinity.numpy()).tolist()
    members = [[i for i, cluster in enumerate(found) if cluster == k] for k in set(found)]
    return _named("together", seen.entries, sorted(members, key=lambda m: (-len(m), m)))


def group_all(seen: Seen, _count: int) -> Groups:
    """One adapter for every medication."""
    return {"all": tuple(entry.label for entry in seen.entries)}


def group_each(seen: Seen, _count: int) -> Groups:
    """One adapter per medication, named after it."""
    return {slug(entry.label): (entry.label,) for entry in seen.entries}


def slug(name: str) -> str:
    """A name as a word that is safe in a path: lower case, hyphens for all else."""
    return "-".join("".join(c if c.isalnum() else " " for c in name.lower()).split())


def _named(
    word: str, entries: Sequence[FormularyEntry], members: Iterable[Sequence[int]]
) -> Groups:
    return {
        f"{word}-{number}": tuple(entries[index].label for index in sorted(indices))
        for number, indices in enumerate(members, 1)
    }


WAYS: dict[str, Callable[[Seen, int], Groups]] = {
    "class": lambda seen, count: group_by_class(seen.entries, count),
    "popularity": group_by_popularity,
    "co-prescription": group_by_co_prescription,
    "one": group_all,
    "each": group_each,
}
