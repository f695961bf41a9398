"""AllergyIntolerance to Allergy: to which ingredients, or to which class of substances.

Codes come first: those of the allergy table, then those of the formulary and of a loaded
terminology. Words come after them. What neither tells is a shown gap that names the code.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, cast

from fhir_mappings.allergy_codes import code_words
from fhir_mappings.elements import Codeable, Coding, Element
from fhir_mappings.inputs import Call
from fhir_mappings.order_words import is_negated_allergy
from fhir_mappings.pool import reference_to
from fhir_mappings.record import Allergy, Ingredient
from fhir_mappings.substances import is_no_medication, substance_classes, substance_words
from fhir_mappings.words import label_of
from fhir_mappings.worst_reactions import worst_reaction

UNKNOWN_CODE = "allergy-code-unknown"  # the kind of gap where nobody can read what it is to
_OVER = frozenset({"resolved", "inactive", "refuted", "entered-in-error"})
_MISTAKEN = frozenset({"entered-in-error"})
_NONE_KNOWN_CODES = frozenset(
    {"716186003", "409137002", "429625007", "428607008", "428197003", "1003774007", "160244002"}
    # SNOMED CT: no known allergy; drug, food, environmental, insect, latex; its older form
    | {"no-known-allergies", "no-known-medication-allergies"}
    | {"no-known-food-allergies", "no-known-environmental-allergies"}  # of the IPS
)
_NONE_KNOWN = re.compile(
    r"^(?!.*\b(?:except|but|other than|apart from)\b)"
    r"(?:.*\b(?:no known|no|denies)(?: \w+){0,2} allerg|(?:nka|nkda|none|none known)\W*$)",
    re.IGNORECASE,
)
_CRITICALITIES = ("low", "high", "unable-to-assess")
_NAME_IN_GAP = 48  # characters, so that a card's line holds the code as well


def map_allergies(call: Call) -> tuple[Allergy, ...]:
    """The allergies that hold; one that could not be matched to a medication is a shown gap.

    One that is over or refuted is left out in silence: by FHIR's definitions the patient is at no
    risk of it any more, and a warning would unlearn what a clinician has found and recorded.
    """
    held = (e for e in call.pool.of_type("AllergyIntolerance") if _holds(e))
    return tuple(found for element in held for found in _map_allergy(element, call))


def meanings_that_ended(call: Call) -> tuple["Meaning", ...]:
    """What entries are to that the list itself says are resolved, inactive or refuted."""
    over = (e for e in call.pool.of_type("AllergyIntolerance") if _states(e) & _OVER - _MISTAKEN)
    return tuple(meaning_of(_substances(element), call) for element in over)


def is_none_known(code: Codeable) -> bool:
    """Whether it says that no allergy, or no such allergy, is known."""
    words = code.display or ""
    is_none = code.codes & _NONE_KNOWN_CODES or _NONE_KNOWN.search(words)
    return bool(is_none) or is_negated_allergy(words)


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What the codes and words of one entry mean."""

    ingredients: tuple[Ingredient, ...]
    classes: tuple[str, ...]
    coded_as: str | None  # what the table calls its code

    @property
    def keys(self) -> frozenset[str]:
        """RxNorm codes and classes, by which two entries are told to be to the same."""
        return frozenset((*(one.rxcui for one in self.ingredients), *self.classes))


def _states(element: Element) -> frozenset[str]:
    clinical = element.codeable("clinicalStatus").codes
    return clinical | element.codeable("verificationStatus").codes


def _holds(element: Element) -> bool:
    code = element.codeable("code")
    if _states(element) & _OVER or code.codes & _NONE_KNOWN_CODES:
        return False
    return not _NONE_KNOWN.search(code.display or "")


def _map_allergy(element: Element, call: Call) -> Iterator[Allergy]:
    """The entry as one allergy, or as one for each class that it names."""
    substances = _substances(element)
    display = next((words for one in substances if (words := one.display)), None)
    if display and is_negated_allergy(display):
        meaning = "the entry says that there is no such allergy: it was not counted"
        call.gaps.add("allergy-negated", element.where, meaning)
        return
    if display is None and not any(one.codings for one in substances):
        meaning = "an allergy names no substance: no medication was checked against it"
        call.gaps.add("allergy-without-substance", element.where, meaning, shown=True)
        return
    found = meaning_of(substances, call)
    if not (found.ingredients or found.classes) and _may_be_medication(element, display):
        _tell_unknown(element, display, substances, call)
    for place, known_class in enumerate(found.classes or (None,)):
        yield Allergy(
            display=name_of(display, found, substances),
            ingredients=() if place else found.ingredients,
            substance_class=known_class,
            is_intolerance=(element.text("type") or "").lower() == "intolerance",
            criticality=_criticality(element),
            reactions=_reactions(element),
            worst=worst_reaction(element),
            reference=reference_to(element),
        )


def meaning_of(substances: tuple[Codeable, ...], call: Call) -> Meaning:
    """The codes of the allergy table, and beside them whatever codes and words are known."""
    formulary, table = call.tables.formulary, call.tables.allergy_codes
    coded = [known for one in substances if (known := table.find(one.codings))]
    direct = (formulary.entry(rxcui).ingredient for known in coded for rxcui in known.rxcuis)
    classes = [known.substance_class for known in coded if known.substance_class]
    worded = (found for name in _names(substances) for found in substance_classes(name))
    return Meaning(
        ingredients=tuple(dict.fromkeys((*direct, *_ingredients(substances, call)))),
        classes=tuple(dict.fromkeys((*classes, *worded))),
        coded_as=coded[0].display if coded else None,
    )


def name_of(display: str | None, found: Meaning, substances: tuple[Codeable, ...]) -> str:
    """What to call it: its words without "allergy to", else what its code means, else the code."""
    known = " + ".join(one.label for one in found.ingredients)
    names = (
        substance_words(display or ""),
        substance_words(found.coded_as or ""),
        known,
        display or "",
        code_words(coding for one in substances for coding in one.codings),
    )
    return label_of(next(filter(None, names), ""))


def _tell_unknown(
    element: Element, display: str | None, substances: tuple[Codeable, ...], call: Call
) -> None:
    """That nothing was checked against it, with the code, so that a person can look it up."""
    codes = code_words(coding for one in substances for coding in one.codings)
    if display is None:
        meaning = f"allergy to {codes} was not checked: a code that we do not know, without words"
        call.gaps.add(UNKNOWN_CODE, element.where, meaning, shown=True)
        return
    name = label_of(display)[:_NAME_IN_GAP].rstrip()
    code = f" ({codes})" if codes else ""
    meaning = f"allergy to '{name}'{code} was not checked: not a substance we know"
    call.gaps.add("allergy-unresolved", element.where, meaning, shown=True)


def _substances(element: Element) -> tuple[Codeable, ...]:
    by_reaction = tuple(item.codeable("substance") for item in element.many("reaction"))
    named = (element.codeable("code"), element.codeable("substance"), *by_reaction)
    return tuple(one for one in named if one.codings or one.text)


def _names(substances: tuple[Codeable, ...]) -> tuple[str, ...]:
    texts = (one.text for one in substances)
    shown = (name for one in substances for _, _, name in one.codings)
    return tuple(name for name in (*texts, *shown) if name)


def _ingredients(substances: tuple[Codeable, ...], call: Call) -> tuple[Ingredient, ...]:
    found: dict[Ingredient, None] = {}
    for one in substances:
        bare = substance_words(one.display or "")
        codings: list[Coding] = [
            (system, code, substance_words(shown) if shown else None)
            for system, code, shown in one.codings
        ]
        found |= dict.fromkeys(call.tables.formulary.resolve(codings, bare).ingredients)
    return tuple(found)


def _may_be_medication(element: Element, display: str | None) -> bool:
    categories = {category.lower() for category in element.texts("category")}
    if categories:
        return bool(categories & {"medication", "biologic"})
    return not is_no_medication(display or "")


def _criticality(element: Element) -> Literal["low", "high", "unable-to-assess"] | None:
    word = (element.text("criticality") or "").lower()
    known = word if word in _CRITICALITIES else None
    return cast(Literal["low", "high", "unable-to-assess"] | None, known)


def _reactions(element: Element) -> tuple[str, ...]:
    shown = (
        manifestation.display
        for reaction in element.many("reaction")
        for manifestation in reaction.codeables("manifestation")
    )
    return tuple(dict.fromkeys(words for words in shown if words))
