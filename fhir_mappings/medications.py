"""Requests and statements to Medication: what is taken, and what the previous stay gave."""

from collections.abc import Iterable
from datetime import date

from fhir_mappings.elements import Codeable, Element
from fhir_mappings.encounters import Stay
from fhir_mappings.formulary import Resolution
from fhir_mappings.inputs import Call
from fhir_mappings.pool import reference_to
from fhir_mappings.record import Ingredient, Medication
from fhir_mappings.words import one_line

_CURRENT_REQUEST = frozenset({"active", "on-hold", "unknown", ""})
_CURRENT_STATEMENT = frozenset({"active", "intended", "on-hold", "unknown", "recorded", ""})
_ONLY_WISHED = frozenset({"proposal", "option"})
_NEVER_GIVEN = frozenset({"entered-in-error", "cancelled", "draft"})


def map_current(call: Call, ordered: Iterable[Medication]) -> tuple[Medication, ...]:
    """What the patient takes or has on order, but for what a draft of this call replaces.

    Two entries of the same medication stay two: whether that is a duplicate is for the rules.
    """
    replaced = {order.reference for order in ordered}
    requests = (e for e in call.pool.of_type("MedicationRequest") if _is_current_request(e))
    statements = (e for e in call.pool.of_type("MedicationStatement") if _is_current_statement(e))
    return tuple(
        read_medication(element, call, is_checked=True)
        for element in (*requests, *statements)
        if reference_to(element) is None or reference_to(element) not in replaced
    )


def medications_of(stay: Stay, call: Call) -> tuple[Medication, ...]:
    """What was ordered in one stay, whatever became of it; the same ingredients once."""
    held = (
        element
        for element in call.pool.of_type("MedicationRequest")
        if _status(element) not in _NEVER_GIVEN and not _is_only_wished(element)
        if stay.holds(element, element.day("authoredOn", "dateWritten"))
    )
    kept: dict[tuple[Ingredient, ...] | str, Medication] = {}
    for element in held:
        found = read_medication(element, call, is_checked=False)
        kept.setdefault(found.ingredients or found.display, found)
    return tuple(kept.values())


def read_medication(element: Element, call: Call, *, is_checked: bool) -> Medication:
    """One request or statement, its ingredients looked up; what is not found is a gap.

    Args:
        element: a MedicationRequest, MedicationOrder or MedicationStatement.
        call: gives the tables and takes the gaps.
        is_checked: whether rules will look at it, so that its gaps have to be shown.
    """
    concepts = named_medication(element, call)
    display = next((words for one in concepts if (words := one.display)), None)
    resolution = _resolve(concepts, call)
    ingredients = tuple(dict.fromkeys(one for found in resolution for one in found.ingredients))
    is_partial = any(found.how in ("partial", "unresolved") for found in resolution)
    if not ingredients or is_partial:
        _tell(element, call, (display, bool(ingredients), is_checked))
    started, ended = _dates(element)
    return Medication(
        display=one_line(display or "a medication without a name")[:160],
        ingredients=ingredients,
        reference=reference_to(element),
        status=_status(element) or None,
        started=started,
        ended=ended,
    )


def named_medication(element: Element, call: Call) -> tuple[Codeable, ...]:
    """What the resource calls its medication, in each of the four ways; empty when it does not.

    Coded, as text, contained, or by reference to a resource of the call. A Medication without a
    code of its own is read by its ingredients; one that was not sent, by the reference's display.
    """
    own = element.codeable("medicationCodeableConcept")
    if own.codings or own.text:
        return (own,)
    pointer = element.one("medicationReference")
    sent = call.pool.find(element.reference("medicationReference"), element)
    if sent is not None:
        code = sent.codeable("code")
        items = (item.codeable("itemCodeableConcept") for item in sent.many("ingredient"))
        parts = tuple(item for item in items if item.codings or item.text)
        if code.codings or code.text:
            return (code,)
        if parts:
            return parts
    display = pointer.text("display")
    return (Codeable(text=display),) if display else ()


def _resolve(concepts: tuple[Codeable, ...], call: Call) -> tuple[Resolution, ...]:
    formulary = call.tables.formulary
    return tuple(formulary.resolve(concept.codings, concept.text) for concept in concepts)


def _tell(element: Element, call: Call, found: tuple[str | None, bool, bool]) -> None:
    display, has_some, is_checked = found
    name = f"'{one_line(display)[:160]}'" if display else "a medication without a readable name"
    if has_some:
        meaning = f"{name}: only some of its ingredients are known; the others were not checked"
        call.gaps.add("medication-partial", element.where, meaning, shown=is_checked)
    else:
        meaning = f"{name} is not in the formulary: it was neither checked nor scored"
        call.gaps.add("medication-unresolved", element.where, meaning, shown=is_checked)


def _dates(element: Element) -> tuple[date | None, date | None]:
    effective = element.one("effectivePeriod")
    validity = element.one("dispenseRequest").one("validityPeriod")
    started = element.day("authoredOn", "dateWritten", "effectiveDateTime")
    started = started or effective.day("start") or element.day("dateAsserted")
    return started, effective.day("end") or validity.day("end")


def _status(element: Element) -> str:
    return (element.text("status") or "").lower()


def _is_only_wished(element: Element) -> bool:
    is_wish = (element.text("intent") or "").lower() in _ONLY_WISHED
    return is_wish or element.is_true("doNotPerform")


def _is_current_request(element: Element) -> bool:
    return _status(element) in _CURRENT_REQUEST and not _is_only_wished(element)


def _is_current_statement(element: Element) -> bool:
    is_not_taken = (element.text("wasNotTaken") or "") == "true" or element.is_true("wasNotTaken")
    return _status(element) in _CURRENT_STATEMENT and not is_not_taken
