"""Each card once, and those that would read the same told apart by the order they are about."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from cds_service.cards.material import CardMaterial
from cds_service.cards.parts import Parts, relative_reference
from cds_service.cards.text import SUMMARY_LIMIT, plain, summary_line
from cds_service.cards.which import shared_names, which_draft


def distinct(cards: Iterable[Parts], material: CardMaterial) -> list[Parts]:
    """Each card once; of several orders of one name each says which it is, and its dose.

    A card that is about several orders at once names them in its text.
    """
    kept: dict[tuple[str, str], Parts] = {}
    for card in cards:
        kept.setdefault((summary_line(card.summary), card.about), card)
    alike = Counter(summary for summary, _ in kept)
    namesakes = _namesakes(material)
    return [
        _told_apart(card, material)
        if about and (alike[summary] > 1 or about in namesakes)
        else card
        for (summary, about), card in kept.items()
    ]


def _namesakes(material: CardMaterial) -> set[str]:
    """References of orders whose name another one has as well."""
    ordered = material.record.ordered
    shared = shared_names(ordered)
    found = (relative_reference(one.reference) for one in ordered if plain(one.display) in shared)
    return {one for one in found if one}


def _told_apart(card: Parts, material: CardMaterial) -> Parts:
    which = which_draft(card.about, material)
    return replace(card, summary=plain(card.summary, SUMMARY_LIMIT - len(which)) + which)
