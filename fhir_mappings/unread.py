"""Resources that no mapper reads, and that may be about a medication or an allergy all the same.

What has nothing to do with either, as a ServiceRequest among the drafts, is none of ours.
"""

from collections import Counter
from collections.abc import Iterable

from fhir_mappings.elements import Element
from fhir_mappings.gaps import Gaps
from fhir_mappings.pool import KEY_OF_TYPE, read_as, type_of

_ORDERS = frozenset({"MedicationRequest", "Medication"})  # the second is what an order refers to
_READ = _ORDERS | frozenset(KEY_OF_TYPE)
_LONGEST = 40  # characters of a type that nobody knows
_ITS_NAMES = ("medicationCodeableConcept", "medicationReference", "medication")


def tell_unread(elements: Iterable[Element], gaps: Gaps, *, is_draft: bool = False) -> None:
    """Count on a card, by type, what may be of a medication or an allergy and is not read."""
    found = (one for one in elements if is_unread(one, is_draft=is_draft))
    noun, where = ("draft", "draftOrders") if is_draft else ("resource", "prefetch")
    kinds = Counter(type_of(one)[:_LONGEST] for one in found)
    for kind, count in kinds.items():
        counted, was = (f"1 {noun}", "was") if count == 1 else (f"{count} {noun}s", "were")
        meaning = f"{counted} of type {kind} {was} not checked"
        gaps.add("type-not-read", where, meaning, shown=True)


def is_unread(element: Element, *, is_draft: bool = False) -> bool:
    """Whether it is told: by its type, misspelt or not, or as it names a medication.

    A Bundle inside the Bundle may hold anything. As a draft, only an order is read.
    """
    kind = read_as(element)
    if kind in (_ORDERS if is_draft else _READ):
        return False
    word = kind.casefold()
    is_named = word == "bundle" or "medication" in word or "allerg" in word
    return is_named or element.has(*_ITS_NAMES)
