"""What a card says of another user who overrode it: nothing is silent for who did not answer."""

from cds_service.cards.material import CardMaterial
from cds_service.cards.parts import REASONS
from cds_service.cards.text import escaped
from fhir_mappings.record import Medication


def overridden_by_another(
    rule: str, medication: Medication, material: CardMaterial, basis: str = ""
) -> tuple[str, ...]:
    """One sentence where each ingredient was overridden by another user; none otherwise."""
    found = [
        material.overridden.by_another((rule, ingredient.rxcui, basis))
        for ingredient in medication.ingredients
    ]
    told = [earlier for earlier in found if earlier]
    if not told or len(told) < len(found):
        return ()
    last = max(told, key=lambda earlier: earlier.day)
    reason = REASONS.get(last.reason or "")
    why = f": {reason[1]}" if reason else ", with a reason"
    return (f"**Overridden by another user** on {escaped(last.day)}{why}.",)
