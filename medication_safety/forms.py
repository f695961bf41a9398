"""What the wording of an order says of its form: its name, and what its directions add to it."""

import re
from functools import lru_cache
from typing import Literal

from fhir_mappings.routes import by_words

Route = Literal["oral", "parenteral", "inhaled", "local"]

# read from top to bottom: "nasal spray" is local although "spray" alone says little
_WORDS: tuple[tuple[Route, str], ...] = (
    ("local", r"cream|ointment|ophthalmic|eye drops?|otic|ear drops?|nasal|shampoo|lotion|topical"),
    ("local", r"gel|vaginal|pessar\w*|mouthwash|lozenge|enema"),
    ("inhaled", r"inhal\w*|inhaler|nebuli\w*|actuat|hfa|dpi"),
    (
        "parenteral",
        r"inject\w*|syringes?|vials?|ampoules?|infusion|intravenous|iv|im|subcutaneous|prefilled",
    ),
    ("oral", r"oral|tablets?|capsules?|tab|cap|po|by mouth"),
)
_EXTENDED = re.compile(
    r"\b(?:(?:extended|modified|prolonged|sustained|controlled|slow)[- ]release|\d+ ?hr|12 hour"
    r"|24 hour|er|xr|xl|sr|la|cr|mr|m/r|retard|continus|contin|oxycontin|patch(?:es)?|transdermal"
    r")\b",
    re.I,
)
_FLUSH = re.compile(r"\b(?:flush|lock)\b", re.I)


@lru_cache(maxsize=4096)
def route_of(display: str) -> Route | None:
    """The route that the wording names, or None where it names none."""
    for route, words in _WORDS:
        if re.search(rf"\b(?:{words})\b", display, re.I):
            return route
    return None


@lru_cache(maxsize=4096)
def is_local(display: str) -> bool:
    """Whether the wording says that it acts where it is put: on the skin, in the eye, inhaled."""
    return by_words(display) is False


def is_extended_release(display: str) -> bool:
    """Whether the wording says that it is released slowly."""
    return _EXTENDED.search(display) is not None


def is_flush(display: str) -> bool:
    """Whether it keeps a line open and treats nothing."""
    return _FLUSH.search(display) is not None
