"""No null and no empty member leaves in a resource."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_mappings.pruned import pruned

ATOMS = st.none() | st.booleans() | st.integers() | st.text(max_size=3)
JSON = st.recursive(
    ATOMS, lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from("abc"), inner)
)


@pytest.mark.parametrize(
    ("sent", "left"),
    [
        ({"a": None, "b": "", "c": [], "d": {}, "e": 0, "f": False}, {"e": 0, "f": False}),
        ({"note": [{"text": ""}, {"text": "x"}]}, {"note": [{"text": "x"}]}),
        ({"a": {"b": {"c": [None]}}, "id": "1"}, {"id": "1"}),
        (
            {"given": [None, "Ann"], "_given": [{"id": "x"}, None]},
            {"given": [None, "Ann"], "_given": [{"id": "x"}, None]},
        ),
        ({"given": [None], "_given": [None]}, {}),
    ],
)
def test_what_is_null_or_empty_is_left_out(sent: Any, left: Any) -> None:
    assert pruned(sent) == left


@given(JSON)
def test_nothing_empty_is_left_inside(value: Any) -> None:
    def empties(node: Any) -> bool:
        inside = (
            list(node.values())
            if isinstance(node, dict)
            else node
            if isinstance(node, list)
            else []
        )
        return any(one in (None, "", [], {}) or empties(one) for one in inside)

    assert not empties(pruned(value))
