"""What kinds of cards a decision had, which says nothing of whom or which medication."""

from collections.abc import Sequence

from cds_service.cards.parts import TOPICS
from cds_service.reviewer.shown.values import Json, text


def kinds_of(about: Sequence[Json]) -> list[str]:
    """The kinds of cards about medications, each once, in the words that cards have."""
    rules = (text(row.get("rule")) for row in about)
    return list(dict.fromkeys(TOPICS[rule] for rule in rules if rule in TOPICS))
