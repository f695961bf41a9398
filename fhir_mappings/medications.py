"""Requests and statements to Medication: what is taken, and what the previous stay gave."""

from collections.abc import Iterable, Set
from dataclasses import replace
from datetime import date

from fhir_mappings.allergy_codes import code_words
from fhir_mappings.directions import directions_of, dosages_of
from fhir_mappings.elements import Codeable, Element
from fhir_mappings.encounters import Stay
from fhir_mappings.formulary import Resolution
from fhir_mappings.inputs import Call
from fhir_mappings.order_words import free_of, ordered_words
from fhir_mappings.pool import reference_to
from fhir_mappings.record import Ingredient, Medication
from fhir_mappings.words import one_line

_CURRENT_REQUEST = frozenset({"active", "on-hold", "unknown", ""})
_CURRENT_STATEMENT = frozenset({"active", "intended", "on-hold", "unknown", ""})
_ONLY_WISHED = frozenset({"proposal", "option"})
_NEVER_GIVEN = frozenset({"entered-in-error", "cancelled", "draft"})


def map_current(
    call: Call, ordered: Iterable[Medication], stopped: Set[str], replaced: Set[str]
) -> tuple[Medication, ...]:
    """What the patient takes or has on order, but for what this call changes, stops or replaces.

    A draft with the id of another medication changes nothing of it. Two entries of the same
    medication stay two: whether that is a duplicate is for the rules.
    """
    changed = {(order.reference, frozenset(order.ingredients)) for order in ordered}
    requests = (e for e in call.pool.of_type("MedicationRequest") if _is_current_request(e))
    stated = call.pool.of_type("MedicationStatement")
    statements = (e for e in stated if _is_current_statement(e, call))
    held = [
        element
        for element in (*requests, *statements)
        if reference_to(element) not in stopped and not _is_replaced(element, replaced, call)
    ]
    found = (read_medication(element, call, is_checked=True) for element in held)
    return tuple(
        one
        for one in found
        if one.reference is None or (one.reference, frozenset(one.ingredients)) not in changed
    )


def _is_replaced(element: Element, replaced: Set[str], call: Call) -> bool:
    if reference_to(element) not in replaced:
        return False
    meaning = "a draft names it as the prescription that it replaces: it does not count as current"
    call.gaps.add("order-replaced", element.where, meaning)
    return True


def medications_of(stay: Stay, call: Call) -> tuple[Medication, ...]:
    """What was ordered in one stay, whatever became of it; the same ingredients once."""
    held = (
        element
        for element in call.pool.of_type("MedicationRequest")
        if _status(element) not in _NEVER_GIVEN and not _is_only_wished(element)
        if stay.holds(element, element.day("authoredOn"))
    )
    kept: dict[tuple[Ingredient, ...] | str, Medication] = {}
    for element in held:
        found = read_medication(element, call, is_checked=False)
        kept.setdefault(found.ingredients or found.display, found)
    return tuple(kept.values())


def read_medication(element: Element, call: Call, *, is_checked: bool) -> Medication:
    """One request or statement, its ingredients looked up; what is not found is a gap.

    Args:
        element: a MedicationRequest or MedicationStatement.
        call: gives the tables and takes the gaps.
        is_checked: whether rules will look at it, so that its gaps have to be shown.
    """
    concepts = named_medication(element, call)
    display = next((words for one in concepts if (words := one.display)), None)
    resolution = tuple(_resolve(concept, call) for concept in concepts)
    ingredients = tuple(dict.fromkeys(one for found in resolution for one in found.ingredients))
    named = display or " + ".join(one.label for one in ingredients)
    is_partial = any(found.how in ("partial", "unresolved") for found in resolution)
    if not ingredients or is_partial:
        codes = code_words(one for part in concepts for one in part.codings)
        _tell(element, call, (named or codes, bool(ingredients), is_checked))
    for concept in concepts:
        _tell_contradiction(concept, element, call, is_checked=is_checked)
    started, ended = _dates(element)
    return Medication(
        display=one_line(named or "a medication without a name")[:160],
        ingredients=ingredients,
        reference=reference_to(element),
        status=_status(element) or None,
        started=started,
        ended=ended,
        directions=directions_of(element, display or ""),
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
        if code.codings or code.text:
            return (code,)
        items = [one for one in sent.many("ingredient") if one.node.get("isActive") is not False]
        if items:
            return tuple(_part(item, element, call) for item in items)
    display = pointer.text("display")
    return (Codeable(text=display),) if display else ()


def _part(item: Element, holder: Element, call: Call) -> Codeable:
    """One ingredient of a Medication; an empty concept where it cannot be read."""
    own = item.codeable("itemCodeableConcept")
    if own.codings or own.text:
        return own
    sent = call.pool.find(item.reference("itemReference"), holder)
    found = sent.codeable("code") if sent is not None else Codeable()
    named = found.codings or found.text
    return found if named else Codeable(text=item.one("itemReference").text("display"))


def _resolve(concept: Codeable, call: Call) -> Resolution:
    """Its ingredients: by code, else by its words, but for what they say is not in it."""
    formulary = call.tables.formulary
    codings = [(system, code, ordered_words(shown)) for system, code, shown in concept.codings]
    found = formulary.resolve(codings, ordered_words(concept.text))
    lacking = formulary.find_in_text("\n".join(map(free_of, concept.names)))
    if not lacking or _by_code(concept, call):
        return found
    ingredients = tuple(one for one in found.ingredients if one not in lacking)
    return replace(found, ingredients=ingredients, how=found.how if ingredients else "unresolved")


def _by_code(concept: Codeable, call: Call) -> tuple[Ingredient, ...]:
    bare = [(system, code, None) for system, code, _ in concept.codings]
    return call.tables.formulary.resolve(bare, None).ingredients if bare else ()


def _tell_contradiction(
    concept: Codeable, element: Element, call: Call, *, is_checked: bool
) -> None:
    """A gap where the words name another medication than the code. The code is what counts."""
    coded = _by_code(concept, call)
    for words in concept.names if coded else ():
        read = call.tables.formulary.resolve([], ordered_words(words)).ingredients
        if read and not set(read) & set(coded):
            name = " + ".join(one.label for one in coded)[:50]
            meaning = f"'{one_line(words)[:50]}' has the code of {name}: only the code was checked"
            call.gaps.add("medication-contradicts", element.where, meaning, shown=is_checked)
            return


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
    started = element.day("authoredOn", "effectiveDateTime")
    started = started or effective.day("start") or element.day("dateAsserted")
    return started, effective.day("end") or _dosing_end(element) or validity.day("end")


def _dosing_end(element: Element) -> date | None:
    """The latest day of its dosages; None where one of them has no end."""
    repeats = (one.one("timing").one("repeat") for one in dosages_of(element))
    ends = [repeat.one("boundsPeriod").day("end") for repeat in repeats]
    known = [end for end in ends if end]
    return max(known) if known and len(known) == len(ends) else None


def _status(element: Element) -> str:
    return (element.text("status") or "").lower()


def _is_only_wished(element: Element) -> bool:
    is_wish = (element.text("intent") or "").lower() in _ONLY_WISHED
    return is_wish or element.is_true("doNotPerform")


def _is_current_request(element: Element) -> bool:
    return _status(element) in _CURRENT_REQUEST and not _is_only_wished(element)


def _is_current_statement(element: Element, call: Call) -> bool:
    """Whether it is taken still; where the status does not say, the end of the time does."""
    status, end = _status(element), element.one("effectivePeriod").day("end")
    if status not in _CURRENT_STATEMENT:
        return False
    return status not in ("unknown", "") or end is None or end >= call.today
