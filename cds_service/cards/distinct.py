"""Each card once, and those that would read the same told apart by the order they are about."""

from collections.abc import Iterable
from dataclasses import replace

from cds_service.cards.material import CardMaterial
from cds_service.cards.parts import Parts, relative_reference
from cds_service.cards.text import SUMMARY_LIMIT, plain, summary_line

LONGEST_DOSE = 40  # characters


def distinct(cards: Iterable[Parts], material: CardMaterial) -> list[Parts]:
    """Each card once; of several orders of one name each says which it is, and its dose."""
    kept: dict[tuple[str, str], Parts] = {}
    twins: dict[str, list[str]] = {}
    for card in cards:
        summary = summary_line(card.summary)
        if (summary, card.about) not in kept:
            kept[summary, card.about] = card
            twins.setdefault(summary, []).append(card.about)
    return [
        _told_apart(card, twins[summary], material) if len(twins[summary]) > 1 else card
        for (summary, _), card in kept.items()
    ]


def _told_apart(card: Parts, twins: list[str], material: CardMaterial) -> Parts:
    """By its place among them, as the client lists them."""
    ordered = [relative_reference(one.reference) or "" for one in material.record.ordered]
    twins = sorted(twins, key=lambda one: ordered.index(one) if one in ordered else len(ordered))
    dose = material.doses.get(card.about)
    told = f": {plain(dose, LONGEST_DOSE)}" if dose else ""
    tail = f" (order {twins.index(card.about) + 1} of {len(twins)}{told})"
    return replace(card, summary=plain(card.summary, SUMMARY_LIMIT - len(tail)) + tail)
