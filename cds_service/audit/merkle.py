"""The Merkle tree of RFC 6962, section 2.1: hashes, roots, proofs and their verification.

Pure, and copyable by an auditor: nothing here reads a database, a clock or a key. A verifier works
out from (index, size) how many hashes a proof has and on which side each stands, and takes nothing
but the hashes themselves from the prover.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256().digest()

# (height, index) to the root of the perfect subtree over leaves index*2**height and following
Nodes = Callable[[int, int], bytes]


class ProofRefused(Exception):  # noqa: N818 - a situation
    """A proof does not prove what it is said to. The only error of a verification here."""


def leaf_hash(data: bytes) -> bytes:
    """SHA-256(0x00 || data), so that no leaf can pass for an inner node."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """A tree that grows at its right edge: the roots of its perfect subtrees, the largest first."""

    def __init__(self, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        """Take up a tree of `size` leaves; one hash for each bit that is set in `size`."""
        if len(hashes) != size.bit_count():
            raise ValueError(
                f"a tree of {size} leaves has {size.bit_count()} perfect subtrees, "
                f"found {len(hashes)} hashes: pass one for each"
            )
        self.size = size
        self.hashes = list(hashes)

    @classmethod
    def of(cls, size: int, nodes: Nodes) -> "Frontier":
        """Take up a tree of `size` leaves whose nodes can be read."""
        return cls(size, [nodes(height, index) for height, index in _perfect(0, size)])

    def append(self, leaf: bytes) -> None:
        """Add one leaf, given as its hash."""
        carried, size = leaf, self.size
        while size & 1:
            carried = node_hash(self.hashes.pop(), carried)
            size >>= 1
        self.hashes.append(carried)
        self.size += 1

    def root(self) -> bytes:
        """The root hash of the tree as it is now."""
        return _folded(self.hashes)


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The root over leaf hashes."""
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    return frontier.root()


def perfect_root(hashes: Sequence[bytes]) -> bytes:
    """The root over hashes of one height, of which there are a power of two."""
    while len(hashes) > 1:
        hashes = [node_hash(*pair) for pair in zip(hashes[::2], hashes[1::2], strict=True)]
    return hashes[0]


def inclusion_proof(index: int, size: int, nodes: Nodes) -> list[bytes]:
    """PATH(index, D[size]) of RFC 6962, 2.1.1: from the leaf's sibling up to below the root."""
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size} leaves: pass one below that")
    proof, begin, end = [], 0, size
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            proof.append(_range_root(middle, end, nodes))
            end = middle
        else:
            proof.append(_range_root(begin, middle, nodes))
            begin = middle
    return proof[::-1]


def consistency_proof(old: int, new: int, nodes: Nodes) -> list[bytes]:
    """PROOF(old, D[new]) of RFC 6962, 2.1.2: that the first `old` leaves are still the same."""
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {new} leaves was never one of {old}: pass the older one first")
    if old in (0, new):
        return []
    proof, begin, end = [], 0, new
    while old != end:
        middle = begin + _split(end - begin)
        if old <= middle:
            proof.append(_range_root(middle, end, nodes))
            end = middle
        else:
            proof.append(_range_root(begin, middle, nodes))
            begin = middle
    if begin:  # else the old root is that subtree, and the verifier has it
        proof.append(_range_root(begin, end, nodes))
    return proof[::-1]


def verify_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> None:
    """Return when the leaf is at this index of the tree with this size and root.

    Raises:
        ProofRefused: it is not, or the proof is of another shape.
    """
    # 1. the index lies in the tree
    if not 0 <= index < size:
        raise ProofRefused(f"leaf {index} is not in a tree of {size} leaves")
    # 2. (index, size) alone say how long a proof is
    inner, border = _shape(index, size)
    _check_length(proof, inner + border)
    # 3. up to where the path meets the right edge the bits of the index tell the sides
    found = _chain(leaf, proof[:inner], index)
    # 4. from there on all that is left of the edge stands left
    found = _chain_left(found, proof[inner:])
    # 5. what comes out is the root
    if found != root:
        raise ProofRefused(f"the proof leads to root {found.hex()}, wanted {root.hex()}")


def verify_consistency(
    old: tuple[int, bytes], new: tuple[int, bytes], proof: Sequence[bytes]
) -> None:
    """Return when the new tree begins with all leaves of the old one, in their order.

    Args:
        old: size and root of the older tree.
        new: size and root of the newer tree.
        proof: the hashes.

    Raises:
        ProofRefused: it does not, or the proof is of another shape.
    """
    (old_size, old_root), (new_size, new_root) = old, new
    # 1. trees only grow
    if not 0 <= old_size <= new_size:
        raise ProofRefused(f"a tree of {new_size} leaves cannot follow one of {old_size}")
    # 2. of the same tree, or of the empty one, there is nothing to prove
    if old_size in (0, new_size):
        _check_length(proof, 0)
        _check_trivial(old_size, old_root, new_size, new_root)
        return
    # 3. the largest perfect subtree at the old right edge is where both paths start
    shift = (old_size & -old_size).bit_length() - 1
    inner, border = _shape(old_size - 1, new_size)
    inner -= shift
    starts_at_root = old_size == 1 << shift
    # 4. the sizes alone say how long a proof is
    _check_length(proof, inner + border + (not starts_at_root))
    seed, rest = (old_root, proof) if starts_at_root else (proof[0], proof[1:])
    mask = (old_size - 1) >> shift
    # 5. the hashes that stand left lead to the old root
    lefts = [step for bit, step in enumerate(rest[:inner]) if mask >> bit & 1]
    found = _chain_left(_chain_left(seed, lefts), rest[inner:])
    if found != old_root:
        raise ProofRefused(f"the proof leads to old root {found.hex()}, wanted {old_root.hex()}")
    # 6. all of them lead to the new one
    found = _chain_left(_chain(seed, rest[:inner], mask), rest[inner:])
    if found != new_root:
        raise ProofRefused(f"the proof leads to new root {found.hex()}, wanted {new_root.hex()}")


def _check_trivial(old_size: int, old_root: bytes, new_size: int, new_root: bytes) -> None:
    for size, root in ((old_size, old_root), (new_size, new_root)):
        if size == 0 and root != EMPTY_ROOT:
            raise ProofRefused(f"the root of no leaves is {EMPTY_ROOT.hex()}, found {root.hex()}")
    if old_size == new_size and old_root != new_root:
        raise ProofRefused(
            f"two trees of {new_size} leaves have roots {old_root.hex()} and {new_root.hex()}"
        )


def _check_length(proof: Sequence[bytes], wanted: int) -> None:
    if len(proof) != wanted:
        raise ProofRefused(f"the proof has {len(proof)} hashes, wanted {wanted}")
    if any(len(step) != HASH_BYTES for step in proof):
        raise ProofRefused(f"a hash of the proof is not {HASH_BYTES} bytes long")


def _shape(index: int, size: int) -> tuple[int, int]:
    """How many hashes stand below and above where the path of a leaf meets the right edge."""
    inner = (index ^ (size - 1)).bit_length()
    return inner, (index >> inner).bit_count()


def _chain(seed: bytes, steps: Iterable[bytes], index: int) -> bytes:
    for bit, step in enumerate(steps):
        seed = node_hash(step, seed) if index >> bit & 1 else node_hash(seed, step)
    return seed


def _chain_left(seed: bytes, steps: Iterable[bytes]) -> bytes:
    for step in steps:
        seed = node_hash(step, seed)
    return seed


def _split(size: int) -> int:
    """The largest power of two below size."""
    return 1 << ((size - 1).bit_length() - 1)


def _perfect(begin: int, end: int) -> Iterable[tuple[int, int]]:
    """(height, index) of the perfect subtrees of a range that starts at a subtree of its size."""
    while begin < end:
        height = (end - begin).bit_length() - 1
        yield height, begin >> height
        begin += 1 << height


def _range_root(begin: int, end: int, nodes: Nodes) -> bytes:
    return _folded([nodes(height, index) for height, index in _perfect(begin, end)])


def _folded(hashes: Sequence[bytes]) -> bytes:
    """Fold the roots of perfect subtrees, the largest first, into the root over all."""
    if not hashes:
        return EMPTY_ROOT
    return _chain_left(hashes[-1], hashes[-2::-1])
