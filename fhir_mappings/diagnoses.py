"""Condition to Diagnosis: what is active, what is past, what belongs to a stay."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from fhir_mappings.allergy_codes import code_words
from fhir_mappings.elements import Element
from fhir_mappings.encounters import Stay
from fhir_mappings.inputs import Call
from fhir_mappings.pool import reference_to
from fhir_mappings.record import Diagnosis, Procedure
from fhir_mappings.words import LABEL_LENGTH, is_longer_than_a_label, label_of, one_line

Titled = TypeVar("Titled", Diagnosis, Procedure)

_NOT_ACTIVE = frozenset({"resolved", "inactive", "remission"})
_ACTIVE = frozenset({"active", "recurrence", "relapse"})
_EXCLUDED = {
    "refuted": "the condition is recorded as refuted: it was not counted",
    "entered-in-error": "the condition was entered in error: it was not counted",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One condition that counts, and whether it is active."""

    element: Element
    diagnosis: Diagnosis
    is_active: bool


def read_problems(call: Call) -> tuple[Problem, ...]:
    """Every condition but refuted ones and those entered in error, which become gaps."""
    elements = [e for e in call.pool.of_type("Condition") if not _is_excluded(e, call)]
    pairs = [(element, _map_diagnosis(element, call)) for element in elements]
    return tuple(Problem(e, found, _is_active(e, call)) for e, found in pairs if found)


def active_diagnoses(problems: Sequence[Problem]) -> tuple[Diagnosis, ...]:
    """The active ones, as given, whatever their age and category; each label once."""
    return once_each(problem.diagnosis for problem in problems if problem.is_active)


def past_diagnoses(problems: Sequence[Problem]) -> tuple[Diagnosis, ...]:
    """The ones that are over, but for those that are active again; each label once."""
    active = {problem.diagnosis.label for problem in problems if problem.is_active}
    over = (problem.diagnosis for problem in problems if not problem.is_active)
    return once_each(diagnosis for diagnosis in over if diagnosis.label not in active)


def diagnoses_of(stay: Stay, problems: Sequence[Problem]) -> tuple[Diagnosis, ...]:
    """The diagnoses of one stay, active or over: it lists them, or they name it or its days."""
    listed = {item.reference("condition") for item in stay.element.many("diagnosis")}
    return once_each(
        problem.diagnosis
        for problem in problems
        if problem.diagnosis.reference in listed - {None} or _is_within(stay, problem.element)
    )


def once_each(found: Iterable[Titled]) -> tuple[Titled, ...]:
    """The latest with each label, in the order in which the labels were met first."""
    kept: dict[str, Titled] = {}
    for item in found:
        earlier = kept.setdefault(item.label, item)
        if (item.dated or date.min) > (earlier.dated or date.min):
            kept[item.label] = item
    return tuple(kept.values())


def title_of(element: Element, concept_label: str | None, call: Call) -> tuple[str, str] | None:
    """(label, display): the concept's label, else the cleaned display, else the bare code.

    A label of someone's own words names no medication: see `Formulary.unnamed`.

    A display too long for a label leaves a gap: what is cut may be what matters.
    """
    code = element.codeable("code")
    codes = (one for _, one, _ in code.codings if one)
    display = code.display or next(codes, None)
    label = concept_label or call.tables.formulary.unnamed(label_of(display or ""))
    if concept_label is None and is_longer_than_a_label(display or ""):
        meaning = f"its name is longer than {LABEL_LENGTH} characters: the model saw the beginning"
        call.gaps.add("name-cut", element.where, meaning)
    return (label, one_line(display or label)) if label else None


def _map_diagnosis(element: Element, call: Call) -> Diagnosis | None:
    code = element.codeable("code")
    concept = call.tables.conditions.find(code.keys, code.text or code.display)
    title = title_of(element, concept.label if concept else None, call)
    if title is None:
        meaning = "the condition has neither a name nor a code: it was not counted"
        call.gaps.add("diagnosis-without-name", element.where, meaning)
        return None
    if concept is None and code.display is None:
        meaning = f"{code_words(code.codings)} is a code that we do not know, without words"
        call.gaps.add("diagnosis-code-unknown", element.where, meaning)
    return Diagnosis(
        label=title[0],
        display=title[1],
        codings=code.pairs,
        reference=reference_to(element),
        dated=element.day("onsetDateTime", "recordedDate")
        or element.one("onsetPeriod").day("start"),
    )


def _is_within(stay: Stay, element: Element) -> bool:
    return stay.holds(
        element,
        element.day("onsetDateTime"),
        element.one("onsetPeriod").day("start"),
        element.day("recordedDate"),
    )


def _is_excluded(element: Element, call: Call) -> bool:
    codes = element.codeable("verificationStatus").codes
    codes |= element.codeable("clinicalStatus").codes
    word = next((word for word in _EXCLUDED if word in codes), None)
    if word is not None:
        call.gaps.add(f"condition-{word}", element.where, _EXCLUDED[word])
    return word is not None


def _is_active(element: Element, call: Call) -> bool:
    codes = element.codeable("clinicalStatus").codes
    if codes & _ACTIVE:
        return True
    return not codes & _NOT_ACTIVE and not _has_abated(element, call)


def _has_abated(element: Element, call: Call) -> bool:
    if element.has("abatementString", "abatementAge", "abatementRange"):
        return True
    day = element.day("abatementDateTime") or element.one("abatementPeriod").day("end")
    return day is not None and day <= call.today
