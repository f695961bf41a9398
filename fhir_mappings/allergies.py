"""AllergyIntolerance to Allergy: to which ingredients, or to which class of substances."""

import re
from typing import Literal, cast

from fhir_mappings.elements import Codeable, Coding, Element
from fhir_mappings.inputs import Call
from fhir_mappings.order_words import is_negated_allergy
from fhir_mappings.pool import reference_to
from fhir_mappings.record import Allergy, Ingredient
from fhir_mappings.words import label_of

_OVER = frozenset({"resolved", "inactive", "refuted", "entered-in-error"})
_NONE_KNOWN_CODES = frozenset(
    {"716186003", "409137002", "429625007", "428607008", "428197003", "1003774007", "160244002"}
)  # SNOMED CT: no known allergy; drug, food, environmental, insect, latex; its older form
_NONE_KNOWN = re.compile(
    r"^(?!.*\b(?:except|but|other than|apart from)\b)"
    r"(?:.*\b(?:no known|no|denies)(?: \w+){0,2} allerg|(?:nka|nkda|none|none known)\W*$)",
    re.IGNORECASE,
)
_ABOUT = re.compile(
    r"\b(?:allerg(?:y|ies|ic)(?: (?:reaction|disorder))?|hypersensitivity|intolerance"
    r"|adverse reaction|sensitivity|drug|product containing|caused by|due to|to)\b",
    re.IGNORECASE,
)
_NOT_A_MEDICATION = re.compile(
    r"pollen|dander|mou?ld|dust|mite|peanut|\bnuts?\b|shellfish|seafood|\bfish\b|\beggs?\b|milk"
    r"|dairy|wheat|gluten|soya?\b|strawberr|tomato|banana|kiwi|venom|\bbees?\b|wasp|latex|animal"
    r"|\bcats?\b|\bdogs?\b|grass|tree|ragweed|nickel|perfume|adhesive",
    re.IGNORECASE,
)
# the names of the classes are those of the allergy table of the rules
_CLASSES = tuple(
    (name, re.compile(pattern, re.IGNORECASE))
    for name, pattern in (
        ("sulfonamide_antimicrobials", r"\bsul(?:f|ph)a\b|sul(?:f|ph)onamide|sulfa drug"),
        ("penicillins", r"penicillins?(?: class| antibiotics?| group)?$|beta.?lactam|\bpcns?\b"),
        ("cephalosporins", r"cephalosporin"),
        ("carbapenems", r"carbapenem"),
        ("nsaids_cox1", r"\bnsaids?\b|non.?steroidal|salicylates?$"),
        ("opioids_phenanthrene", r"\bopioids?\b|\bopiates?\b"),
        ("ace_inhibitors", r"\bace.?i(?:nhibitors?)?\b|angiotensin.?converting.?enzyme"),
        ("macrolides", r"macrolide"),
        ("fluoroquinolones", r"quinolone"),
        ("tetracyclines", r"tetracyclines$|tetracycline (?:class|antibiotic|group)"),
        ("aminoglycosides", r"aminoglycoside"),
        ("aromatic_anticonvulsants", r"anticonvulsant|antiepileptic"),
        ("statins", r"\bstatins?\b|hmg.?coa"),
        ("heparins", r"\bheparins\b|heparin (?:class|group)|heparinoid"),
        ("local_anaesthetic_amides", r"local an(?:a)?esthetic"),
    )
)
_CRITICALITIES = ("low", "high", "unable-to-assess")


def map_allergies(call: Call) -> tuple[Allergy, ...]:
    """The allergies that hold; one that could not be matched to a medication is a shown gap."""
    held = (e for e in call.pool.of_type("AllergyIntolerance") if _holds(e))
    return tuple(found for element in held if (found := _map_allergy(element, call)) is not None)


def substance_class(name: str) -> str | None:
    """The class of substances that such a name means; None for a single substance."""
    words = substance_words(name)
    return next((known for known, pattern in _CLASSES if pattern.search(words)), None)


def is_no_medication(name: str) -> bool:
    """Whether it is a food, an animal, a plant or a material."""
    return bool(_NOT_A_MEDICATION.search(name))


def substance_words(name: str) -> str:
    """The substance in "Allergy to penicillin (finding)": what is left without the frame."""
    return " ".join(_ABOUT.sub(" ", label_of(name)).split()).strip(" -:,.")


def _holds(element: Element) -> bool:
    states = element.codeable("clinicalStatus").codes
    states |= element.codeable("verificationStatus").codes
    code = element.codeable("code")
    if states & _OVER or code.codes & _NONE_KNOWN_CODES:
        return False
    return not _NONE_KNOWN.search(code.display or "")


def _map_allergy(element: Element, call: Call) -> Allergy | None:
    substances = _substances(element)
    display = next((words for one in substances if (words := one.display)), None)
    if display and is_negated_allergy(display):
        meaning = "the entry says that there is no such allergy: it was not counted"
        call.gaps.add("allergy-negated", element.where, meaning)
        return None
    if display is None and not any(one.codings for one in substances):
        meaning = "an allergy names no substance: no medication was checked against it"
        call.gaps.add("allergy-without-substance", element.where, meaning, shown=True)
        return None
    ingredients = _ingredients(substances, call)
    known_class = next(
        (found for name in _names(substances) if (found := substance_class(name))), None
    )
    if not ingredients and known_class is None and _may_be_medication(element, display):
        meaning = f"'{display or 'an allergy'}' is not a substance we know: not checked against"
        call.gaps.add("allergy-unresolved", element.where, meaning, shown=True)
    return Allergy(
        display=label_of(display or "a substance given by code only"),
        ingredients=ingredients,
        substance_class=known_class,
        is_intolerance=(element.text("type") or "").lower() == "intolerance",
        criticality=_criticality(element),
        reactions=_reactions(element),
        reference=reference_to(element),
    )


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
    return not _NOT_A_MEDICATION.search(display or "")


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
