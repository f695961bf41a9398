"""A search that says itself that it found more than was sent."""

from collections.abc import Sequence

from cds_service.prefetch.bundles import Resource, entries_of, is_outcome
from fhir_mappings.elements import Element
from fhir_mappings.gaps import Gaps
from fhir_mappings.pool import read_as

BESIDE = ("include", "outcome")  # search modes of what is no match


def shortfall(pages: Sequence[Resource], resource_type: str) -> str | None:
    """How few of the matches came, as "3 of 5 AllergyIntolerance received"; None where all did.

    Only where that is clear: the total counts the matches of all pages (FHIR R4, Bundle.total), but
    it may be left out or be that of a page, and some servers count everything that they send.
    """
    totals = [total for page in pages if type(total := page.get("total")) is int]
    entries = [entry for page in pages for entry in entries_of(page)]
    matches = sum(_is_match(entry, resource_type) for entry in entries)
    total = min(totals, default=0)
    if total <= matches or total == len(entries):
        return None
    return f"{matches} of {total} {resource_type} received"


def _is_match(entry: Resource, resource_type: str) -> bool:
    resource, search = entry["resource"], entry.get("search")
    mode = search.get("mode") if isinstance(search, dict) else None
    if mode in BESIDE or is_outcome(resource):
        return False
    return read_as(Element(resource, "", Gaps())) == resource_type
