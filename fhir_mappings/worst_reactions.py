"""How bad the reactions of an allergy entry were: what makes it loud whatever its criticality."""

import re
from typing import Literal

from fhir_mappings.elements import Codeable, Element
from fhir_mappings.words import one_line

Worst = Literal["life-threatening", "severe"]

# SNOMED CT: anaphylaxis, non-allergic anaphylaxis, Stevens-Johnson, Lyell (TEN), DRESS
_CODES = frozenset({"39579001", "35001004", "73442001", "768962006", "702809001"})
_WORDS = re.compile(
    r"anaphyla\w*|stevens[\s-]*johnson|epidermal necrolysis|\blyell|"
    r"drug (?:reaction|rash) with eosinophilia|(?-i:\b(?:SJS|TEN|DRESS)\b)",
    re.IGNORECASE,
)
_DENIED = re.compile(r"\b(?:no|not|without|denie[sd]|never)\b[^.,;]*$", re.IGNORECASE)
_EXCLUDED = re.compile(r"\W*(?:was |is )?(?:ruled out|excluded|unlikely)\b", re.IGNORECASE)


def worst_reaction(element: Element) -> Worst | None:
    """The worst that the entry tells of, by its reactions, their severity and its own words."""
    reactions = element.many("reaction")
    told = [one for reaction in reactions for one in reaction.codeables("manifestation")]
    described = [Codeable(text=reaction.text("description")) for reaction in reactions]
    if any(map(_is_life_threatening, (*told, *described, element.codeable("code")))):
        return "life-threatening"
    is_severe = any(
        (reaction.text("severity") or "").lower() == "severe" and reaction.has("manifestation")
        for reaction in reactions
    )
    return "severe" if is_severe else None


def _is_life_threatening(told: Codeable) -> bool:
    return bool(told.codes & _CODES) or any(_says(one_line(name)) for name in told.names)


def _says(words: str) -> bool:
    return any(
        not _DENIED.search(words[: found.start()]) and not _EXCLUDED.match(words, found.end())
        for found in _WORDS.finditer(words)
    )
