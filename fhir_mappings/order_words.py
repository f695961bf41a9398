"""What the text of one order or allergy says, before names are looked for in it.

Only for a text that is the name of one thing. A note is prose, and is read elsewhere.
"""

import re

_NOT_TO_GIVE = re.compile(
    r"^\W*(?:no(?![.\s-]*(?:\d|doz\b)|\.)|not|never|d/c(?:'?d)?|dc(?:'d)?|hold(?:ing)?|held"
    r"|stop(?:ped|ping)?|discontinu(?:e|ed|ing)|cease|avoid|without"
    r"|do\s+not|don'?t|cancel(?:led|ed)?)(?![\w'])",
    re.IGNORECASE,
)
# said of a drug, and with no dose before it
_ONLY_ABOUT = re.compile(
    r"^[^0-9]*\b(?:education|teaching|counsell?ing|leaflet|handout)\b", re.IGNORECASE
)
_LACKS = re.compile(r"\b([a-z]+)(?:\s*-\s*|\s+)free\b(?!\s+of\b)", re.IGNORECASE)
_REPLACED = re.compile(
    r"(?<=[(\[])\s*(?:replac(?:es|ed|ing|ement\s+for)|instead\s+of|in\s+place\s+of)\b[^,;)\]]*",
    re.IGNORECASE,
)
_CLAV = re.compile(r"(\bamoxicillin\s*[/+-]\s*)clav\b", re.IGNORECASE)
_NEGATED_ALLERGY = re.compile(
    r"^(?!.*\b(?:except|but|other than|apart from|only)\b)\W*(?:(?:patient|pt)\s+)?(?:is\s+)?"
    r"(?:not\s+(?:known\s+to\s+be\s+)?allergic\b|no\s+longer\s+allergic\b"
    r"|(?:no|denies)\s+(?:known\s+)?(?:\w[\w-]*\s+){0,2}"
    r"(?:allerg(?:y|ies)|hypersensitivity|intolerance|reactions?\s+to)\b)",
    re.IGNORECASE,
)


def ordered_words(text: str | None) -> str | None:
    """The part of an order's text that names what is given; None where it gives nothing.

    "Hold warfarin" and "warfarin education" give nothing, "aspirin-free" is no aspirin, and
    "(replaces ibuprofen)" no ibuprofen.
    """
    if not text or _NOT_TO_GIVE.search(text) or _ONLY_ABOUT.search(text):
        return None
    given = _REPLACED.sub(" ", _LACKS.sub(" ", text))
    return _CLAV.sub(r"\1clavulanate", given).strip() or None


def free_of(text: str | None) -> str:
    """The words that an order's text says are not in it, one a line: "aspirin-free"."""
    return "\n".join(_LACKS.findall(text or ""))


def is_negated_allergy(text: str) -> bool:
    """Whether it says that there is no allergy to what it names: "not allergic to penicillin"."""
    return bool(_NEGATED_ALLERGY.search(text))
