"""Which of several orders of one name is meant: no two cards or offers read the same."""

from collections import Counter
from collections.abc import Iterable

from cds_service.cards.material import CardMaterial
from cds_service.cards.parts import relative_reference
from cds_service.cards.text import plain
from fhir_mappings.record import Medication

LONGEST_DOSE = 40  # characters


def shared_names(medications: Iterable[Medication]) -> frozenset[str]:
    """What more than one of them is called on a card."""
    counts = Counter(plain(one.display) for one in medications)
    return frozenset(name for name, count in counts.items() if count > 1)


def which_draft(reference: str, material: CardMaterial) -> str:
    """Its place among the orders, as the client lists them, and its dose; else its reference."""
    ordered = [relative_reference(one.reference) or "" for one in material.record.ordered]
    if reference not in ordered:
        return f" ({reference})"
    dose = material.doses.get(reference)
    told = f": {plain(dose, LONGEST_DOSE)}" if dose else ""
    return f" (order {ordered.index(reference) + 1} of {len(ordered)}{told})"


def which_taken(medication: Medication, others: Iterable[Medication]) -> str:
    """Since when it is on record, where that is told of it alone; else its reference."""
    name, started = plain(medication.display), medication.started
    same = [one for one in others if plain(one.display) == name and one.started == started]
    known = f"since {started}" if started and len(same) == 1 else medication.reference
    return f" ({known})"
