"""Whether a medication reaches the whole body, or acts where it is put.

Read from what an order says of its route and form, in codes and in words. Two questions stay open
on purpose, with None for an answer: an order that says nothing of its form, and one whose form is
used for both (a patch, a suppository).
"""

import re
from collections.abc import Collection, Iterable, Sequence

from fhir_mappings.formulary import Coding

_SYSTEMIC_ROUTES = frozenset(
    "26643006 47625008 78421000 34206005 37839007 54471007 45890007 127492001 "  # SNOMED CT
    "po iv ivp ivpb im sc sq subq sl buccal td ng po/ng ng/po".split()
)
_LOCAL_ROUTES = frozenset(
    "6064005 54485002 10547007 46713006 16857009 447694001 18679011000001101 "  # SNOMED CT
    "tp top ou os od au as ad opht ophth op oph otic nas ns vg vag ih inh inhalation".split()
)
# read from top to bottom: the first that fits decides
_FORMS: tuple[tuple[bool | None, str], ...] = (
    (False, r"ophth\w*|opht|eye|otic|ear|intravitreal"),
    (False, r"medicated patch|topical\w*|cream|creme|ointment|oint|lotion|gel|shampoo|foam"),
    (True, r"vaginal ring|transdermal|intrauterine"),
    (False, r"vaginal\w*|vag|enema|mouthwash|oral rinse|gargle"),
    (False, r"nasal|intranasal|nostrils?|inhal\w*|nebuli\w*|nebs?|hfa|dpi|mdi|actuat\w*|puffs?"),
    (None, r"patch(?:es)?|suppositor\w*|supp|rectal\w*|pr|lozenges?"),
    (True, r"inject\w*|syringe|vial|infusion|intravenous|iv|ivpb|im|subcutaneous\w*|subq|sc|sq"),
    (True, r"oral\w*|tablets?|tabs?|capsules?|caps?|po|by mouth|syrup|elixir|sublingual|sl|buccal"),
)
_MATCHERS = tuple((answer, re.compile(rf"\b(?:{words})\b", re.I)) for answer, words in _FORMS)
_ORAL_GEL = re.compile(r"\b(?:softgels?|liquid[- ]?gels?|gel ?caps?)\b", re.I)
# given by the skin, the nose, the lungs or the vagina to reach the blood
_SYSTEMIC_ANYHOW = frozenset(
    {
        "4917",  # nitroglycerin
        "10379",  # testosterone
        "7242",  # naloxone
        "3251",  # desmopressin
        "36118",  # salmon calcitonin
        "37418",  # sumatriptan
        "135775",  # zolmitriptan
        "3418",  # dihydroergotamine
        "4337",  # fentanyl
        "6960",  # midazolam
        "3322",  # diazepam
        "1841",  # butorphanol
        "6130",  # ketamine
        "4832",  # glucagon
        "7407",  # nicotine
        "6375",  # levodopa
        "6475",  # loxapine
        "253182",  # insulin human
        "343048",  # treprostinil
        "40138",  # iloprost
        "8727",  # progesterone
        "26225",  # ondansetron
    }
)


def is_systemic(
    texts: Iterable[str], *, route: Sequence[Coding] = (), rxcuis: Collection[str] = ()
) -> bool | None:
    """Whether an order acts on the whole body (True) or locally (False); None: it does not say.

    Args:
        texts: what words there are of it: display, dose form, dosage text, route text.
        route: (system, code, display) of each coding of the route, if it is coded.
        rxcuis: its ingredients. Some reach the blood by a local route: naloxone by the nose.
    """
    answer = _by_code(route)
    if answer is None:
        displays = [display for _, _, display in route if display]
        answers = (by_words(text) for text in (*displays, *texts))
        answer = next((one for one in answers if one is not None), None)
    return True if answer is False and _SYSTEMIC_ANYHOW.issuperset(rxcuis or ("",)) else answer


def by_words(text: str) -> bool | None:
    """What one wording says, by its dose form and route words; None when it says neither."""
    plain = _ORAL_GEL.sub("capsule", text)
    return next((answer for answer, words in _MATCHERS if words.search(plain)), None)


def _by_code(route: Sequence[Coding]) -> bool | None:
    codes = [(code or "").strip().lower() for _, code, _ in route]
    if any(code in _SYSTEMIC_ROUTES for code in codes):
        return True
    return False if any(code in _LOCAL_ROUTES for code in codes) else None
