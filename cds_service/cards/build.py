"""From findings, scores and gaps to the cards of one answer. Pure: nothing is looked up here."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cds_service.cards.distinct import distinct
from cds_service.cards.kinds import (
    doubtful_part,
    finding_card,
    gap_card,
    overprescription_card,
    regimen_card,
)
from cds_service.cards.material import CardMaterial
from cds_service.cards.parts import Json, Parts, card_json
from cds_service.cards.selection import select_parts
from cds_service.cards.suggestions import suggestions_card
from fhir_mappings.record import Ingredient
from lamo.selection import Unsupported
from medication_safety.check import is_on_current, is_on_proposal

__all__ = ["Built", "CardMaterial", "build_cards"]

SAID_BESIDE = frozenset({"outside-vocabulary"})  # gaps that are no card: the rules did check it
PRESSING = frozenset({"usual-course"})  # of what is taken: worth a word beside another order


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """The cards of one answer, and what stands in the audit log beside them."""

    cards: list[Json]
    about: list[Json]  # of each card about medications: uuid, rule, RxNorm code, basis
    suppressed: list[Json]  # what was found and not shown, and why


def build_cards(material: CardMaterial) -> Built:
    """Build the cards of one answer, ready to be sent as JSON.

    Cards are sorted critical, warning, info, with no two of the same summary; there is none when
    everything was checked and nothing was found.
    """
    selection = select_parts(_all_parts(material), material)
    parts = distinct(selection.shown, material)
    if not parts and any(gap.kind not in SAID_BESIDE for gap in material.shown_gaps):
        parts = [gap_card(material, material.shown_gaps)]
    elif parts and material.is_order_hook and material.unreadable_allergies:
        parts.append(gap_card(material, material.unreadable_allergies))
    cards = [card_json(part, material) for part in parts]
    about = [
        {"card": card["uuid"], "rule": rule, "rxcui": rxcui, "basis": basis}
        for card, part in zip(cards, parts, strict=True)
        for rule, rxcui, basis in part.answers
    ]
    suppressed = [
        {"rule": one.rule, "rxcuis": list(one.rxcuis), "why": one.why}
        for one in selection.suppressed
    ]
    return Built(cards=cards, about=about, suppressed=suppressed)


def _all_parts(material: CardMaterial) -> Iterator[Parts]:
    """Every card of the call, the most telling kind first."""
    if material.is_order_hook:
        yield from _parts_about_orders(material)
    yield from _parts_about_current(material)
    if (suggestions := suggestions_card(material)) is not None:
        yield suggestions


def _parts_about_orders(material: CardMaterial) -> Iterator[Parts]:
    for finding in material.findings:
        if not (is_on_proposal(finding) or is_on_current(finding, material.record)):
            yield finding_card(finding, material)
    for equal in _by_ingredients(material.choice.unsupported):
        yield overprescription_card(equal, material)
    if material.choice.regimen is not None:
        yield regimen_card(material.choice.regimen, material)


def _by_ingredients(unsupported: Iterable[Unsupported]) -> list[list[Unsupported]]:
    """Orders of the same ingredients together: the model has one thing to say of them."""
    found: dict[tuple[Ingredient, ...], list[Unsupported]] = {}
    for one in unsupported:
        found.setdefault(one.medication.ingredients, []).append(one)
    return list(found.values())


def _parts_about_current(material: CardMaterial) -> Iterator[Parts]:
    """What is taken already: beside an order what is critical or outlasts a limit, never the model.

    A hospital may have installed the hooks of orders alone.
    """
    for finding in material.findings:
        is_limit = finding.severity != "info" and finding.rule in PRESSING
        is_pressing = is_limit or finding.severity == "critical"
        if is_on_current(finding, material.record) and (is_pressing or not material.is_order_hook):
            yield finding_card(finding, material)
    if not material.is_order_hook:
        for doubtful in material.choice.doubtful:
            yield doubtful_part(doubtful, material)
