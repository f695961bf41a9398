"""Whether a medication reaches the whole body, or acts where it is put: the words of its form.

Two questions stay open on purpose, with None for an answer: an order that says nothing of its form,
and one whose form is used for both (a patch, a suppository). Some ingredients reach the blood by a
local route all the same: the tables of the rules name them (`any_route`).
"""

import re
from collections.abc import Iterator

# read from top to bottom: the first that fits decides
_FORMS: tuple[tuple[bool | None, str], ...] = (
    (False, r"ophth\w*|opht|eyes?|otic|ears?|intravitreal"),
    (
        False,
        r"medicated (?:patch(?:es)?|plasters?)|topical\w*|cream|creme|ointment|oint|lotion"
        r"|(?:emul|hydro)?gel|shampoo|foam",
    ),
    (True, r"vaginal ring|transdermal|intrauterine"),
    (False, r"vaginal\w*|vag|pessar\w*|enema|mouthwash|oral rinse|gargle"),
    (False, r"nasal|intranasal|nostrils?|inhal\w*|nebuli\w*|nebs?|hfa|dpi|mdi|actuat\w*|puffs?"),
    (None, r"patch(?:es)?|suppositor\w*|supp|rectal\w*|pr|lozenges?"),
    (
        True,
        r"inject\w*|syringes?|vials?|ampoules?|infusion|intravenous|iv|ivpb|im|subcutaneous\w*|subq|sc|sq",
    ),
    (True, r"oral\w*|tablets?|tabs?|capsules?|caps?|po|by mouth|syrup|elixir|sublingual|sl|buccal"),
)
_MATCHERS = tuple((answer, re.compile(rf"\b(?:{words})\b", re.I)) for answer, words in _FORMS)
_NO_FORM = object()
_AS_NEEDED = re.compile(r"\b(?:prn|p\.r\.n\.?|as needed|if needed|when needed|rescue)", re.I)
_ORAL_GEL = re.compile(r"\b(?:softgels?|liquid[- ]?gels?|gel ?caps?)\b", re.I)


def by_words(text: str) -> bool | None:
    """Whether an order so worded acts on the whole body (True) or locally (False).

    None when it does not say.
    """
    return next(_answers(text), None)


def names_no_form(text: str) -> bool:
    """Whether an order so worded says nothing at all of its form, not even one that is open."""
    return next(_answers(text), _NO_FORM) is _NO_FORM


def says_as_needed(text: str) -> bool:
    """Whether the words say that it is taken when needed, not daily."""
    return _AS_NEEDED.search(text) is not None


def _answers(text: str) -> Iterator[bool | None]:
    plain = _ORAL_GEL.sub("capsule", text)
    return (answer for answer, words in _MATCHERS if words.search(plain))
