"""Two medications that do the same: the same ingredient twice, or two of one class.

Judged for one medication against those it would stand beside. What is combined on purpose is no
duplicate: see `duplicate_rules.json` and `forms.py`. Doses and times of day are not read here.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from fhir_mappings.record import Fact, Ingredient, Medication
from fhir_mappings.routes import says_as_needed
from medication_safety.findings import Finding, Severity
from medication_safety.forms import is_extended_release, is_flush, is_local, route_of
from medication_safety.knowledge import Knowledge
from medication_safety.wording import short

OPIOIDS = ("opioids_phenanthrene", "opioids_phenylpiperidine", "opioids_other")
NONE = frozenset[str]()
INGREDIENT, CLASS = "duplicate-ingredient", "duplicate-class"


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """What one medication shares with another."""

    rule: str
    severity: Severity
    shared: str  # the ingredient or class, in words
    other: Medication


def duplicate_findings(
    medication: Medication, others: Iterable[Medication], knowledge: Knowledge
) -> tuple[Finding, ...]:
    """Find what a medication repeats: at most one finding for each rule."""
    overlaps = [
        overlap
        for other in others
        if not is_same_order(medication, other)
        for overlap in _overlaps(medication, other, knowledge)
    ]
    by_rule = {rule: [one for one in overlaps if one.rule == rule] for rule in (INGREDIENT, CLASS)}
    return tuple(_finding(medication, found, knowledge) for found in by_rule.values() if found)


def is_same_order(one: Medication, other: Medication) -> bool:
    """Whether both are the same order: a MedicationRequest signed again is not a second one.

    Clients reuse an id: another medication under the same one is another order.
    """
    if one is other:
        return True
    if one.reference is None or other.reference is None:
        return False
    if frozenset(one.ingredients) != frozenset(other.ingredients):
        return False
    return _type_and_id(one.reference) == _type_and_id(other.reference)


@lru_cache(maxsize=4096)
def _type_and_id(reference: str) -> str:
    return "/".join(reference.split("/")[-2:])


def still_taken(medications: Iterable[Medication], day: date) -> tuple[Medication, ...]:
    """Those that do not end on or before the day: a switch is not a duplicate."""
    return tuple(one for one in medications if one.ended is None or one.ended > day)


def _overlaps(one: Medication, other: Medication, knowledge: Knowledge) -> Iterator[Overlap]:
    """The strongest overlap of two medications, if there is any."""
    if not _have_marks_in_common(one, other, knowledge):
        return
    same = [i for i in one.ingredients if i in other.ingredients and _repeats(i, knowledge)]
    shared = [] if same else _shared_classes(one, other, knowledge)
    if not (same or shared) or _forms_differ_on_purpose(one, other, knowledge):
        return
    if same:
        severity = _ingredient_severity(one, other)
        yield Overlap(rule=INGREDIENT, severity=severity, shared=same[0].label, other=other)
    elif not is_local(one.wording) or _are_both_inhaled(one, other):
        is_soft = _changes_route(one, other) or _is_as_needed(one, other)
        severity = "info" if is_soft else "warning"
        yield Overlap(rule=CLASS, severity=severity, shared=shared[0], other=other)


def _have_marks_in_common(one: Medication, other: Medication, knowledge: Knowledge) -> bool:
    """Whether it is worth a look: nearly all pairs of a list have nothing in common."""
    marks = knowledge.marks
    for own in one.ingredients:
        found = marks.get(own.rxcui) or {own.rxcui}
        for theirs in other.ingredients:
            if not found.isdisjoint(marks.get(theirs.rxcui) or {theirs.rxcui}):
                return True
    return False


def _shared_classes(one: Medication, other: Medication, knowledge: Knowledge) -> list[str]:
    """Of an order what is meant together is left out; nobody has meant a suggestion yet."""
    find = _common_class if one.status == "proposed" else shared_class
    pairs = ((a, b) for a in one.ingredients for b in other.ingredients)
    return [name for a, b in pairs if (name := find(a, b, knowledge))]


def _forms_differ_on_purpose(one: Medication, other: Medication, knowledge: Knowledge) -> bool:
    """Whether the wording shows two uses: a flush, a local form, a rescue opioid."""
    return (
        is_flush(one.wording)
        or is_flush(other.wording)
        or is_local(one.wording) != is_local(other.wording)
        or _is_long_and_rescue_opioid(one, other, knowledge)
    )


def shared_class(one: Ingredient, other: Ingredient, knowledge: Knowledge) -> str | None:
    """The class in which two different systemic ingredients are a duplicate, in words."""
    if frozenset((one.rxcui, other.rxcui)) in knowledge.meant_pairs:
        return None
    return _common_class(one, other, knowledge)


def _common_class(one: Ingredient, other: Ingredient, knowledge: Knowledge) -> str | None:
    """The same, of two that are given together on purpose as well."""
    first, second = knowledge.entry(one.rxcui), knowledge.entry(other.rxcui)
    if first is None or second is None or not (first.systemic and second.systemic):
        return None
    families = knowledge.families_of
    shared = families.get(one.rxcui, NONE) & families.get(other.rxcui, NONE)
    is_one_class = first.drug_class == second.drug_class
    if not (shared or is_one_class):
        return None
    if one.rxcui == other.rxcui:
        return None
    if shared:
        return min(shared)
    if _is_combined(first.drug_class, knowledge):
        return None
    return first.drug_class.replace("-", " ")


def _is_combined(drug_class: str, knowledge: Knowledge) -> bool:
    """Whether different members of the class are given together on purpose."""
    return not drug_class or bool(
        set(drug_class.split("-")) & set(knowledge.duplicate.given_together)
    )


def _repeats(ingredient: Ingredient, knowledge: Knowledge) -> bool:
    """Whether the same ingredient twice is worth a word: fluids and electrolytes are not."""
    entry = knowledge.entry(ingredient.rxcui)
    return entry is None or entry.drug_class not in knowledge.duplicate.repeated_on_purpose


def _is_long_and_rescue_opioid(one: Medication, other: Medication, knowledge: Knowledge) -> bool:
    both_opioids = all(
        any(knowledge.holds(group, i.rxcui) for group in OPIOIDS for i in medication.ingredients)
        for medication in (one, other)
    )
    return both_opioids and is_extended_release(one.wording) != is_extended_release(other.wording)


def _ingredient_severity(one: Medication, other: Medication) -> Severity:
    """The same product as one already taken is mostly a renewal, another route a change."""
    same_product = one.display.casefold() == other.display.casefold()
    is_renewal = same_product and other.status not in ("draft", "proposed")
    is_soft = is_renewal or is_local(one.wording) or _changes_route(one, other)
    return "info" if is_soft else "warning"


def _is_as_needed(one: Medication, other: Medication) -> bool:
    """STOPP v3, A3 speaks of daily use: what is taken when needed may stand beside another."""
    return says_as_needed(one.wording) or says_as_needed(other.wording)


def _are_both_inhaled(one: Medication, other: Medication) -> bool:
    return {route_of(one.wording), route_of(other.wording)} == {"inhaled"}


def _changes_route(one: Medication, other: Medication) -> bool:
    return {route_of(one.wording), route_of(other.wording)} == {"oral", "parenteral"}


def _finding(medication: Medication, overlaps: list[Overlap], knowledge: Knowledge) -> Finding:
    worst = min(overlaps, key=lambda overlap: overlap.severity != "warning")
    name, beside = short(medication.display), short(worst.other.display)
    what = "repeats" if worst.rule == INGREDIENT else "is of the same class as"
    return Finding(
        rule=worst.rule,
        severity=worst.severity,
        medication=medication,
        summary=f"Consider whether {name} is needed: it {what} {beside}",
        because=tuple(_fact(overlap) for overlap in overlaps),
        source=knowledge.source("Therapeutic duplication table"),
        not_if="it renews or replaces the other, or both are meant together",
    )


def _fact(overlap: Overlap) -> Fact:
    word = "ingredient" if overlap.rule == INGREDIENT else "class"
    other = overlap.other
    text = f"{other.display} ({word} in common: {overlap.shared})"
    return Fact(text=text, reference=other.reference, dated=other.started)
