"""Observation: laboratory values and pregnancy, the newest of each code."""

from collections.abc import Mapping
from datetime import UTC, datetime

from fhir_mappings.elements import Codeable, Element
from fhir_mappings.inputs import Call
from fhir_mappings.pool import reference_to
from fhir_mappings.record import Observation
from fhir_mappings.words import label_of

_LOINC = "http://loinc.org"
_PREGNANCY = frozenset(
    {"82810-3", "11449-6", "11778-8", "8665-2", "2106-3", "2118-8", "45194-4", "2110-5"}
)  # status, status reported, delivery date estimated, last period, and hCG tests
_NOT_RESULTS = frozenset({"entered-in-error", "cancelled", "registered"})
_OLDEST = datetime.min.replace(tzinfo=UTC)


def map_observations(call: Call) -> tuple[Observation, ...]:
    """The newest value of each LOINC code, or of each name without one, newest first."""
    read = (_map_observation(e) for e in call.pool.of_type("Observation") if _counts(e))
    found = [item for item in read if item is not None]
    found.sort(key=lambda item: item.taken_at or _OLDEST, reverse=True)
    newest: dict[str, Observation] = {}
    for item in found:
        newest.setdefault(item.loinc or item.display, item)
    return tuple(newest.values())


def _counts(element: Element) -> bool:
    if (element.text("status") or "").lower() in _NOT_RESULTS:
        return False
    codes = frozenset[str]().union(*(one.codes for one in element.codeables("category")))
    return "laboratory" in codes or element.codeable("code").code_in(_LOINC) in _PREGNANCY


def _map_observation(element: Element) -> Observation | None:
    code = element.codeable("code")
    loinc = code.code_in(_LOINC)
    display = label_of(code.display or loinc or "")
    quantity = element.one("valueQuantity")
    value = quantity.number("value")
    value = element.number("valueInteger") if value is None else value
    concept = element.codeable("valueCodeableConcept")
    coded = _coded(element, concept, quantity.node)
    if not display or (value is None and coded is None):
        return None
    period = element.one("effectivePeriod")
    return Observation(
        loinc=loinc,
        display=display,
        value=value,
        unit=quantity.text("code") or quantity.text("unit"),
        coded=coded,
        codes=tuple(code for _, code, _ in concept.codings if code),
        taken_at=element.moment("effectiveDateTime", "effectiveInstant")
        or period.moment("end", "start")
        or element.moment("issued"),
        reference=reference_to(element),
    )


def _coded(element: Element, concept: Codeable, quantity: Mapping[str, object]) -> str | None:
    """A coded value in words; for a quantity its comparator, so that "<5" is not taken for 5."""
    words = concept.display or next(iter(sorted(Codeable(concept.codings).codes)), None)
    comparator = quantity.get("comparator")
    if isinstance(comparator, str) and comparator in ("<", "<=", ">", ">="):
        return f"{comparator}{quantity.get('value')}"[:40]
    return words or element.text("valueString") or element.text("valueDateTime")
