"""What people are known to be allergic to: medications, classes of them, materials and foods.

The words for classes are those of the allergy table of the rules, so that what is read in a note is
what can be checked.
"""

import hashlib
import json
import re
from importlib import resources

from fhir_mappings.formulary import Formulary
from fhir_mappings.substances import substance_class
from lamo.notes.medication_items import known_names
from lamo.notes.spans import Span

_TABLE = (resources.files("medication_safety") / "data" / "allergy_rules.json").read_bytes()
_CLASSES: dict[str, list[str]] = json.loads(_TABLE)["recorded_words"]
WORDS_VERSION = hashlib.sha256(json.dumps(_CLASSES).encode()).hexdigest()[:6]
MATERIALS = re.compile(
    r"\b(?:latex|peanuts?|(?:tree )?nuts?|hazelnuts?|walnuts?|almonds?|cashews?|pistachios?|sesame|"
    r"shellfish|shrimps?|prawns?|crab|lobster|seafood|fish|eggs?|(?:cow's )?milk|dairy|lactose|"
    r"soya?|wheat|"
    r"gluten|strawberr\w+|tomato\w*|kiwi(?:fruit)?|bananas?|avocados?|melon|pineapple|mango\w*|"
    r"citrus|"
    r"(?:bees?|wasps?|hornets?)(?: (?:stings?|venom))?|venom|(?:iv |iodinated |iodine |"
    r"ct )?contrast(?: dye| media)?|"
    r"iodine|(?:(?:adhesive|surgical|silk|paper|plastic) )?tapes?|adhesives?|plasters?|"
    r"band-?aids?|elastoplast|nickel|"
    r"pollens?|grass|ragweed|dust(?: mites?)?|mou?lds?|cats?|dogs?|dander|sul(?:f|ph)(?:a|ur)|"
    r"chlorhexidine|"
    r"red wine|sulfites?|msg|perfume|wool|rubber)\b",
    re.IGNORECASE,
)


def _pattern(word: str) -> str:
    return r"[ /\-]{0,2}".join(map(re.escape, word.split()))


# "ACE inhibitor" is found as "ACE-inhibitors", "ace i" as "ACEi"
_CLASS = re.compile(
    rf"\b(?:{'|'.join(_pattern(word) for word in sorted(_CLASSES, key=len, reverse=True))})s?\b",
    re.IGNORECASE,
)
_BY_LETTERS = {word.replace(" ", ""): word for word in _CLASSES}


def class_of(name: str) -> str | None:
    """The class that a name in a note means, as the allergy table can look it up."""
    known, found = substance_class(name), _CLASS.search(name)
    if known or found is None:
        return known
    letters = re.sub(r"[^a-z0-9]", "", found[0].lower())
    word = _BY_LETTERS.get(letters) or _BY_LETTERS[letters.removesuffix("s")]
    groups = _CLASSES[word]
    return groups[0] if len(groups) == 1 else word


def class_end(text: str, span: Span) -> int:
    """Where the word for a class that a stretch begins with ends; 0 when it begins with none."""
    found = _CLASS.match(text, *span)
    return found.end() if found else 0


def known_substances(text: str, span: Span, formulary: Formulary) -> list[Span]:
    """The medications and classes of a stretch in their order; of two in one place the longer."""
    found = known_names(text, span, formulary)
    found += [Span(*one.span()) for one in _CLASS.finditer(text, *span)]
    kept: list[Span] = []
    for one in sorted(found, key=lambda place: (place.start, -place.end)):
        if not kept or one.start >= kept[-1].end:
            kept.append(one)
    return kept


def is_substance(words: str, formulary: Formulary) -> bool:
    """Whether this is known as something that people are allergic to."""
    return bool(MATERIALS.search(words) or formulary.find_in_text(words) or class_of(words))


def material_of(words: str) -> str | None:
    """One name for the spellings of a material or food; None when it is none that we know."""
    found = MATERIALS.search(words)
    if found is None:
        return None
    name = found[0].lower()
    for sign, label in (("contrast", "contrast"), ("tape", "adhesive"), ("adhesi", "adhesive"),
                        ("plaster", "adhesive"), ("band", "adhesive"), ("elasto", "adhesive"),
                        ("kiwi", "kiwi"), ("bee", "bee venom"), ("sul", "sulfa")):  # fmt: skip
        if sign in name:
            return label
    return name.rstrip("s")
