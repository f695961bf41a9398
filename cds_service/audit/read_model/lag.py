"""How far projections are behind the tree."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from cds_service.audit.models import LeafRow
from cds_service.audit.read_model.following import Projection, places_in
from cds_service.audit.tree import StoredTree
from cds_service.audit.unsequenced import id_ms

MOST_S = 60.0  # behind which a read model is told to be stale


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """What a projection has not seen yet."""

    events: int
    oldest_s: float  # how long ago the oldest of them was begun

    @property
    def is_stale(self) -> bool:
        """Whether pages have to be told of it."""
        return self.oldest_s > MOST_S


def lags(connection: Connection, projections: Sequence[Projection], now_ms: int) -> dict[str, Lag]:
    """The lag of each, by name."""
    size = StoredTree(connection).size()
    return {
        name: Lag(events=size - place, oldest_s=_oldest_s(connection, place, now_ms))
        for name, place in places_in(connection, projections).items()
    }


def told(found: Mapping[str, Lag]) -> str | None:
    """What a person has to know of it; None when all follow."""
    stale = [f"{name} is {lag.events} events behind" for name, lag in found.items() if lag.is_stale]
    if not stale:
        return None
    return (
        f"{', '.join(stale)}, wanted none older than {MOST_S:.0f} s: searches do not find the "
        "newest; the log says under read_model_stopped why, or it is catching up"
    )


def _oldest_s(connection: Connection, place: int, now_ms: int) -> float:
    query = select(LeafRow.event_id).where(LeafRow.leaf_index == place)
    event_id = connection.scalar(query)
    if event_id is None:
        return 0.0
    return max(0.0, (now_ms - id_ms(event_id)) / 1000)
