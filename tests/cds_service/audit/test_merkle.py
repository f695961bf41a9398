"""The tree against known answers, against the definition, and against proofs that are wrong."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_service.audit.merkle import (
    EMPTY_ROOT,
    Frontier,
    Nodes,
    ProofRefused,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from tests.cds_service.audit.naive_merkle import mth, path, proof

FOLDER = Path(__file__).parent / "merkle_proofs"
# the leaves and roots that tests of Certificate Transparency implementations share
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "", "00", "10", "2021", "3031", "40414243",
        "5051525354555657", "606162636465666768696a6b6c6d6e6f",
    )
]  # fmt: skip
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
MANY = [bytes([number % 256, number // 256]) for number in range(300)]
sizes = st.integers(1, len(MANY))


def nodes_of(data: list[bytes]) -> Nodes:
    return lambda height, index: mth(data[index << height : (index + 1) << height])


def test_the_root_of_nothing_is_that_of_the_rfc() -> None:
    wanted = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert root_of([]) == EMPTY_ROOT == bytes.fromhex(wanted) == mth([])


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_the_known_ones(size: int) -> None:
    data = LEAVES[:size]
    assert root_of(map(leaf_hash, data)).hex() == mth(data).hex() == ROOTS[size - 1]


@settings(max_examples=60, deadline=None)
@given(sizes, st.data())
def test_inclusion_is_proved_as_the_definition_does(size: int, draw: st.DataObject) -> None:
    index, data = draw.draw(st.integers(0, size - 1)), MANY[:size]

    steps = inclusion_proof(index, size, nodes_of(data))

    assert steps == path(index, data)
    verify_inclusion(leaf_hash(data[index]), index, size, steps, mth(data))


@settings(max_examples=60, deadline=None)
@given(sizes, st.data())
def test_consistency_is_proved_as_the_definition_does(size: int, draw: st.DataObject) -> None:
    old, data = draw.draw(st.integers(1, size)), MANY[:size]

    steps = consistency_proof(old, size, nodes_of(data))

    assert steps == proof(old, data)
    verify_consistency((old, mth(data[:old])), (size, mth(data)), steps)


@settings(max_examples=100, deadline=None)
@given(sizes, st.data())
def test_a_proof_is_of_one_leaf_at_one_place(size: int, draw: st.DataObject) -> None:
    index, other = (draw.draw(st.integers(0, size - 1)) for _ in range(2))
    data = MANY[:size]
    steps = path(index, data)
    if other == index:
        return
    with pytest.raises(ProofRefused, match="the proof"):
        verify_inclusion(leaf_hash(data[index]), other, size, steps, mth(data))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 299), st.integers(0, 299))
def test_a_frontier_goes_on_where_it_was_taken_up(first: int, more: int) -> None:
    begun = MANY[:first]
    frontier = Frontier.of(first, nodes_of(begun))
    for leaf in MANY[first : first + more]:
        frontier.append(leaf_hash(leaf))
    assert frontier.root() == mth(MANY[: first + more])


def test_a_frontier_wants_a_hash_for_each_subtree() -> None:
    with pytest.raises(ValueError, match="3 leaves has 2 perfect subtrees, found 1"):
        Frontier(3, [EMPTY_ROOT])


@pytest.mark.parametrize(("index", "size"), [(5, 5), (-1, 5), (0, 0)])
def test_no_proof_is_made_of_a_leaf_that_is_not_there(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="pass one below that"):
        inclusion_proof(index, size, nodes_of(MANY[:size]))
    with pytest.raises(ValueError, match="pass the older one first"):
        consistency_proof(size + 1, size, nodes_of(MANY[:size]))


def verify(case: dict[str, Any]) -> None:
    steps = [bytes.fromhex(step) for step in case["proof"]]
    if case["kind"] == "inclusion":
        leaf, root = bytes.fromhex(case["leaf"]), bytes.fromhex(case["root"])
        verify_inclusion(leaf, case["index"], case["size"], steps, root)
    else:
        old, new = ((size, bytes.fromhex(root)) for size, root in (case["old"], case["new"]))
        verify_consistency(old, new, steps)


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.json")), ids=lambda file: file.stem)
def test_proofs_on_file(file: Path) -> None:
    case = json.loads(file.read_text())
    if case["why"] is None:
        verify(case)
        return
    with pytest.raises(ProofRefused, match=case["why"]):
        verify(case)


def test_there_are_many_proofs_on_file_and_most_are_wrong() -> None:
    cases = [json.loads(file.read_text()) for file in FOLDER.glob("*.json")]
    assert len(cases) >= 60
    assert sum(case["why"] is not None for case in cases) >= 40
