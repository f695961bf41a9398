"""How an order says that it is to be given, beside its name: the coded route, and "as needed".

The name of a product counts first: only where it says nothing of a form does the route add to it,
so that a patch of a systemic medication whose route is "topical" stays one.
"""

from fhir_mappings.elements import Element
from fhir_mappings.routes import by_words, names_no_form, says_as_needed

# SNOMED CT: routes of administration, in words that `routes.py` reads
_ROUTES = {
    "6064005": "topical",
    "54485002": "ophthalmic",
    "10547007": "otic",
    "46713006": "nasal",
    "447694001": "inhalation",
    "16857009": "vaginal",
    "26643006": "oral",
    "37839007": "sublingual",
    "45890007": "transdermal",
    "47625008": "intravenous",
    "78421000": "intramuscular",
    "34206005": "subcutaneous",
}
_AS_NEEDED = "as needed"


def dosages_of(element: Element) -> tuple[Element, ...]:
    """The dosages of a request, or of a statement, which calls them otherwise."""
    return (*element.many("dosageInstruction"), *element.many("dosage"))


def directions_of(element: Element, display: str) -> str | None:
    """What the dosages of a request or statement add to its name: "ophthalmic, as needed".

    None where they add nothing, or where two dosages do not say the same.
    """
    dosages = dosages_of(element)
    routes = {_route(one) for one in dosages} if names_no_form(display) else set()
    found = [routes.pop()] if len(routes) == 1 else []
    if dosages and all(_is_as_needed(one) for one in dosages):
        found.append(_AS_NEEDED)
    return ", ".join(filter(None, found)) or None


def _route(dosage: Element) -> str:
    """The route of one dosage in words that are read, or nothing."""
    route = dosage.codeable("route")
    coded = (_ROUTES[code] for _, code, _ in route.codings if code in _ROUTES)
    said = (words for words in route.names if by_words(words) is not None)
    return next(coded, None) or next((words[:40] for words in said), "")


def _is_as_needed(dosage: Element) -> bool:
    flagged = dosage.is_true("asNeededBoolean") or dosage.is_true("asNeeded")
    reason = dosage.has("asNeededCodeableConcept", "asNeededFor")
    return flagged or reason or says_as_needed(dosage.text("text") or "")
