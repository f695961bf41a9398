"""Ways of grouping, on prescriptions whose structure is known."""

import itertools

import pytest
import torch

from fhir_mappings.formulary import Formulary
from lamo.training.groups import WAYS, Groups, Seen, make_groups

ENTRIES = Formulary.load().candidates


def seen(visits: int = 600, kinds: int = 3, seed: int = 0) -> Seen:
    """Visits of several kinds; most medications of a visit are of its kind (index modulo kinds)."""
    generator = torch.Generator().manual_seed(seed)
    kind = torch.randint(kinds, (visits, 1), generator=generator)
    of_kind = torch.arange(len(ENTRIES))[None] % kinds == kind
    chance = torch.where(of_kind, 0.3, 0.02)
    prescribed = torch.rand(chance.shape, generator=generator) < chance
    return Seen(entries=ENTRIES, prescribed=prescribed, seed=2023)


@pytest.mark.parametrize("way", sorted(WAYS))
def test_every_candidate_is_in_exactly_one_group(way: str) -> None:
    groups = make_groups(way, seen(), 8)
    labels = [label for members in groups.values() for label in members]
    assert sorted(labels) == sorted(entry.label for entry in ENTRIES)
    expected = {"one": 1, "each": len(ENTRIES)}.get(way, 8)
    assert len(groups) == expected
    assert all(name.replace("-", "").isalnum() for name in groups)


def test_popularity_slices_go_from_the_most_to_the_least_prescribed() -> None:
    rows = seen()
    times = dict(zip([e.label for e in ENTRIES], rows.prescribed.sum(dim=0).tolist(), strict=True))
    groups = list(make_groups("popularity", rows, 10).values())
    for more, fewer in itertools.pairwise(groups):
        assert min(times[label] for label in more) >= max(times[label] for label in fewer)
    size = len(ENTRIES) // 10
    assert [len(members) for members in groups[:-1]] == [size] * 9


def test_clusters_find_what_is_prescribed_together() -> None:
    groups = make_groups("co-prescription", seen(), 3)
    place = {entry.label: index for index, entry in enumerate(ENTRIES)}
    for members in groups.values():
        assert len({place[label] % 3 for label in members}) == 1


def test_the_same_visits_give_the_same_clusters() -> None:
    def groups() -> Groups:
        return make_groups("co-prescription", seen(), 8)

    assert groups() == groups()


def test_medications_that_nobody_takes_are_grouped_too() -> None:
    rows = seen()
    rows.prescribed[:, :20] = False
    assert sum(map(len, make_groups("co-prescription", rows, 4).values())) == len(ENTRIES)


def test_an_unknown_way_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"groups.by = 'colour'.*'co-prescription'"):
        make_groups("colour", seen(), 8)
