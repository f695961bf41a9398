"""No count of 1 to 10 can be worked out from a column and its sum."""

from collections.abc import Sequence
from itertools import product
from random import Random

import pytest

from cds_service.reviewer.small_cells import Hidden, Part, Why, hidden_cells, why_hidden


def of(*values: int, whole: int | None = None) -> list[Part]:
    return [Part(value=value, whole=whole) for value in values]


def test_large_counts_and_zero_are_shown() -> None:
    assert hidden_cells(of(0, 11, 500)) == {}


def test_a_small_count_takes_the_next_one_with_it() -> None:
    assert hidden_cells(of(500, 3, 40, 60)) == {1: "few", 2: "hidden"}


def test_what_would_leave_a_small_rest_is_hidden() -> None:
    assert why_hidden(Part(value=97, whole=100)) == "all but few"
    assert why_hidden(Part(value=100, whole=100)) is None


def test_what_is_below_something_hidden_is_hidden() -> None:
    assert why_hidden(Part(value=40, whole=50, is_whole_hidden=True)) == "hidden"


def test_where_nothing_protects_them_nothing_is_said_of_any() -> None:
    assert hidden_cells(of(10, 10, 0)) == {0: "hidden", 1: "hidden"}


def test_without_a_sum_only_small_ones_are_hidden() -> None:
    assert hidden_cells(of(3, 40), is_sum_told=False) == {0: "few"}


def could_be(value: int, why: Why, whole: int) -> bool:
    """Whether a reader has to reckon with a value, knowing how we hide."""
    words = why_hidden(Part(value=value, whole=whole))
    return words == why if why != "hidden" else value > 0


@pytest.mark.parametrize("seed", range(40))
def test_no_small_count_can_be_narrowed_from_the_sum(seed: int) -> None:
    random = Random(seed)
    wholes = [random.choice([15, 25, 40]) for _ in range(3)]
    column = [Part(value=random.randint(0, whole), whole=whole) for whole in wholes]
    hidden = hidden_cells(column)
    if "hidden" in hidden.values() and not {"few", "all but few"} & set(hidden.values()):
        return  # of these a reader is told nothing but that they are not 0
    for place, why in hidden.items():
        if why != "hidden":
            alone = {v for v in range(wholes[place] + 1) if could_be(v, why, wholes[place])}
            assert possible(column, hidden, place) == alone


def possible(column: Sequence[Part], hidden: Hidden, place: int) -> set[int]:
    """The values that one cell may have, by going through all that add up to the known sum."""
    places = list(hidden)
    total = sum(column[at].value for at in places)
    choices = [
        [
            v
            for v in range((column[at].whole or 0) + 1)
            if could_be(v, hidden[at], column[at].whole or 0)
        ]
        for at in places
    ]
    return {values[places.index(place)] for values in product(*choices) if sum(values) == total}
