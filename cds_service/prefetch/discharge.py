"""At discharge the medications count that the patient leaves with, not those of the stay."""

from collections.abc import Mapping, Sequence

from cds_service.prefetch.bundles import Resource
from fhir_mappings.elements import Element
from fhir_mappings.gaps import Gaps
from fhir_mappings.record import Gap

HOOK = "encounter-discharge"


def leaving_with(orders: Sequence[Resource]) -> tuple[tuple[Resource, ...], tuple[Gap, ...]]:
    """The orders but for those of the stay alone, and a gap that counts those.

    An order says so by its category (R4 value set medicationrequest-category). One without a
    category is kept.
    """
    kept = tuple(order for order in orders if not _is_of_the_stay(order))
    ended = len(orders) - len(kept)
    meaning = f"{ended} orders are of the stay alone, by their category: they were not reviewed."
    gap = Gap(kind="orders-of-the-stay", where="medications", meaning=meaning)
    return kept, (gap,) if ended else ()


def _is_of_the_stay(order: Mapping[str, object]) -> bool:
    categories = Element(order, "", Gaps()).codeables("category")
    return {code for category in categories for code in category.codes} == {"inpatient"}
