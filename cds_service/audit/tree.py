"""The stored Merkle tree: its nodes from tiles, and new leaves on top of it."""

from collections.abc import Sequence

from sqlalchemy import Connection, func, select

from cds_service.audit.database import AuditFailure
from cds_service.audit.inserting import insert_rows
from cds_service.audit.merkle import HASH_BYTES, Frontier, perfect_root
from cds_service.audit.models import LeafRow, TileRow, table_of

TILE_BITS = 8  # of height that a tile spans
TILE_WIDTH = 1 << TILE_BITS


class StoredTree:
    """Reads nodes of the tree of one database within one transaction."""

    def __init__(self, connection: Connection) -> None:
        """Take the connection; what was read is kept, as rows are never changed."""
        self._connection = connection
        self._read: dict[tuple[int, int], list[bytes]] = {}

    def size(self) -> int:
        """How many leaves there are."""
        newest = self._connection.scalar(select(func.max(LeafRow.leaf_index)))
        return 0 if newest is None else newest + 1

    def node(self, height: int, index: int) -> bytes:
        """The root of the perfect subtree over leaves index*2**height and following."""
        level, above = divmod(height, TILE_BITS)
        first, count = index << above, 1 << above
        tile, begin = divmod(first, TILE_WIDTH)
        hashes = self._hashes(level, tile)[begin : begin + count]
        if len(hashes) < count:
            raise AuditFailure(
                "the tree of the log has gaps: leaves or tiles were taken out of the database; "
                "`lamo-cds audit verify` names them"
            )
        return perfect_root(hashes)

    def _hashes(self, level: int, tile: int) -> list[bytes]:
        """Up to 256 hashes that stand side by side at height 8 * level."""
        if (level, tile) not in self._read:
            self._read[level, tile] = self._read_hashes(level, tile)
        return self._read[level, tile]

    def _read_hashes(self, level: int, tile: int) -> list[bytes]:
        query = select(TileRow.hashes).where(TileRow.level == level, TileRow.tile_index == tile)
        stored = self._connection.scalar(query)
        if stored is not None:
            return split_tile(stored)
        first = tile * TILE_WIDTH
        if level:
            below = self.size() >> (TILE_BITS * level)
            return [
                perfect_root(self._hashes(level - 1, below_index))
                for below_index in range(first, min(first + TILE_WIDTH, below))
            ]
        leaves = (
            select(LeafRow.leaf_hash)
            .where(LeafRow.leaf_index >= first, LeafRow.leaf_index < first + TILE_WIDTH)
            .order_by(LeafRow.leaf_index)
        )
        return list(self._connection.scalars(leaves))


class GrowingTree:
    """The right edge of the tree, to which leaves are added; kept from one batch to the next."""

    def __init__(self, stored: StoredTree | None = None) -> None:
        """Take up the tree as it is stored; without, begin an empty one."""
        self.size = stored.size() if stored else 0
        self._edges: list[list[bytes]] = []  # by level: the hashes of the tile that is not full
        while stored is not None and self.size >> (TILE_BITS * len(self._edges)):
            height = TILE_BITS * len(self._edges)
            full, kept = divmod(self.size >> height, TILE_WIDTH)
            first = full * TILE_WIDTH
            self._edges.append([stored.node(height, first + at) for at in range(kept)])

    def root(self) -> bytes:
        """The root hash of the tree as it is now."""
        peaks: list[bytes] = []
        for edge in reversed(self._edges):
            begin = 0
            while begin < len(edge):
                end = begin + (1 << ((len(edge) - begin).bit_length() - 1))
                peaks.append(perfect_root(edge[begin:end]))
                begin = end
        return Frontier(self.size, peaks).root()

    def append(self, leaf: bytes) -> list[tuple[int, int, bytes]]:
        """Add a leaf: (level, index, hashes) of the tiles that it fills, at each level one."""
        filled: list[tuple[int, int, bytes]] = []
        level, carried = 0, leaf
        self.size += 1
        while True:
            if level == len(self._edges):
                self._edges.append([])
            edge = self._edges[level]
            edge.append(carried)
            if len(edge) < TILE_WIDTH:
                return filled
            index = (self.size >> (TILE_BITS * (level + 1))) - 1
            filled.append((level, index, b"".join(edge)))
            carried, self._edges[level] = perfect_root(edge), []
            level += 1

    def store(self, connection: Connection, leaves: Sequence[tuple[str, bytes]]) -> None:
        """Store new leaves, each an event id and a leaf hash, with the tiles that they fill.

        After an exception the tree is not to be used any more: take it up anew.
        """
        rows = [
            {"leaf_index": index, "event_id": event_id, "leaf_hash": leaf}
            for index, (event_id, leaf) in enumerate(leaves, self.size)
        ]
        tiles = [
            {"level": level, "tile_index": index, "hashes": hashes}
            for _, leaf in leaves
            for level, index, hashes in self.append(leaf)
        ]
        insert_rows(connection, {table_of(LeafRow): rows, table_of(TileRow): tiles})


def split_tile(hashes: bytes) -> list[bytes]:
    """The hashes of a tile, one by one."""
    return [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]
