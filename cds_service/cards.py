"""From findings, scores and gaps to the cards of one answer. Pure: nothing is looked up here."""

from collections.abc import Iterator

from cds_service.cards_kinds import finding_card, gap_card, overprescription_card, regimen_card
from cds_service.cards_material import CardMaterial
from cds_service.cards_parts import Json, Parts, card_json, distinct
from cds_service.cards_suggestions import suggestions_card
from medication_safety.allergies import RANK
from medication_safety.check import is_on_proposal

__all__ = ["CardMaterial", "build_cards"]


def build_cards(material: CardMaterial) -> list[Json]:
    """Build the cards of one answer, ready to be sent as JSON.

    Returns:
        Cards sorted critical, warning, info, with no two of the same summary. Empty when
        everything was checked and nothing was found.
    """
    parts = sorted(distinct(_all_parts(material)), key=lambda card: RANK[card.indicator])
    return [card_json(card, material) for card in parts]


def _all_parts(material: CardMaterial) -> Iterator[Parts]:
    """Every card of the call, the most telling kind first."""
    if material.is_order_hook:
        yield from _parts_about_orders(material)
    if (suggestions := suggestions_card(material)) is not None:
        yield suggestions
    if material.shown_gaps:
        yield gap_card(material)


def _parts_about_orders(material: CardMaterial) -> Iterator[Parts]:
    for finding in material.findings:
        if not is_on_proposal(finding):
            yield finding_card(finding, material)
    for unsupported in material.choice.unsupported:
        yield overprescription_card(unsupported, material)
    if material.choice.regimen is not None:
        yield regimen_card(material.choice.regimen, material)
