"""The words of an allergy: its substance without the frame around it, and the class that it means.

Names are compared without case and accents, and the words of the classes in the spellings of a few
languages, since a list of allergies is as often typed as picked.
"""

import re

from fhir_mappings.drug_text import fold
from fhir_mappings.words import label_of

_ABOUT = re.compile(
    r"\b(?:(?:allerg(?:y|ies|ic)(?: (?:reaction|disorder|status))?|hypersensitivity|intolerance"
    r"|adverse reaction|sensitivity)(?: to)?|drug|product containing|substance with|caused by"
    r"|due to)\b|\bstructure(?: and .*)?$|\bmechanism of action$",
    re.IGNORECASE,
)
# "Penicillin (tolerates amoxicillin)": what is tolerated is no part of the allergy
_FINE = (
    r"(?<!not )(?<!never )(?<!poorly )(?<!badly )\b(?:tolerates|tolerated|tolerating|can take)\b"
)
_TOLERATED = re.compile(
    rf"\([^)]*{_FINE}[^)]*\)?|[,;:.-]?\s*(?:\b(?:but|has)\s+)*{_FINE}.*$", re.IGNORECASE
)
_NOT_A_MEDICATION = re.compile(
    r"pollen|dander|mou?ld|dust|mite|peanut|\bnuts?\b|shellfish|seafood|\bfish\b|\beggs?\b|milk"
    r"|dairy|wheat|gluten|soya?\b|strawberr|tomato|banana|kiwi|venom|\bbees?\b|wasp|latex|animal"
    r"|\bcats?\b|\bdogs?\b|grass|tree|ragweed|nickel|perfume|adhesive",
    re.IGNORECASE,
)
# "penicillin G" and "penicillin V potassium" are single substances, "penicillin" is the class
_ONE_PENICILLIN = r"(?!\W*(?:[gvk]\b|vk\b|benz|procain|potass|sodium|natri))"
# the names of the classes are those of the allergy table of the rules
_CLASSES = tuple(
    (name, re.compile(pattern))
    for name, pattern in (
        ("sulfonamide_antimicrobials", r"\bsul(?:f|ph)as?\b|sul(?:f|ph)onamid|\bsulfamid"),
        (
            "penicillins",
            r"\b(?:amino|ureido)?peni[cz]il+in(?:e[ns]?|as?|s|er)?\b" + _ONE_PENICILLIN
            + r"|\bpenicylin|\bpcns?\b",
        ),
        ("beta lactam", r"(?:\bbeta|\u03b2).?lactam(?!as)"),
        ("cephalosporins", r"[ck]e(?:ph|f)alosporin"),
        ("carbapenems", r"[ck]arbapenem"),
        ("nsaids_cox1", r"\bnsaids?\b|\bnsar\b|\bains\b|non.?steroid|salicylates?$"),
        ("opioid", r"\bopioid\w{0,2}\b"),
        ("opioids_phenanthrene", r"\bopiat\w{0,2}\b"),
        (
            "ace_inhibitors",
            r"\bace.?(?:i(?:nhibitors?)?|hemmer)\b|angiotensin.?converting.?enzyme",
        ),
        ("macrolides", r"ma[ck]rolid"),
        ("fluoroquinolones", r"(?:qu|ch)inolon"),
        ("tetracyclines", r"tetra[ck]?cyclines\b|tetracycline (?:class|antibiotic|group|type)"),
        ("aminoglycosides", r"aminogly[ck]osid"),
        ("aromatic_anticonvulsants", r"anticonvulsant|antiepileptic"),
        ("statins", r"\bstatine?[ns]?\b|hmg.?coa"),
        ("heparins", r"\bheparins\b|heparin (?:class|group)|heparinoid"),
        ("local_anaesthetic_esters", r"local an(?:a)?esthetic.*\bester"),
        ("local_anaesthetic_amides", r"local an(?:a)?esthetic.*\bamide"),
        ("local anaesthetic", r"local an(?:a)?esthetic(?!.*\b(?:ester|amide))"),
    )
)  # fmt: skip


def substance_words(name: str) -> str:
    """The substance in "Allergy to penicillin (finding)": what is left without the frame."""
    bare = _ABOUT.sub(" ", _TOLERATED.sub(" ", label_of(name)))
    return " ".join(bare.split()).strip(" -:,.")


def substance_classes(name: str) -> tuple[str, ...]:
    """Every class of substances that such a name means; empty for a single substance."""
    words = fold(substance_words(name))
    return tuple(known for known, pattern in _CLASSES if pattern.search(words))


def substance_class(name: str) -> str | None:
    """The first class of substances that such a name means; None for a single substance."""
    return next(iter(substance_classes(name)), None)


def is_no_medication(name: str) -> bool:
    """Whether it is a food, an animal, a plant or a material."""
    return bool(_NOT_A_MEDICATION.search(name))
