"""A reader of notes made of medspaCy, to compare our rules with: a maintained clinical NLP library.

Its parts are medspaCy's own: tokeniser, PyRuSH sentences, TargetMatcher, ConText and sectionizer,
with the rules that it ships. Added are the names of our formulary, allergens, supplements, names
before a dose in medication lists, the section titles that its rules lack, and the words for
stopping, taking and not tolerating. They were chosen with the notes of `tests/data/notes/hand` in
view, so what it scores there flatters it: chosen with only the odd notes in view, it reached F1s of
0.97, 0.90 and 0.94 on those, and of 0.50, 0.67 and 0.55 on the even ones.
"""

import importlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata, resources
from typing import Any

from benchmarks.medspacy_words import ADDED_TITLES, ALLERGENS, CLASSES, CONTEXT, SUPPLEMENTS
from fhir_mappings.formulary import Formulary
from fhir_mappings.formulary_tables import read_products
from lamo.notes.headings import trimmed
from lamo.notes.rules import condense
from lamo.notes.sections import QUOTE_CHARS, Mention, NoteSections

INSTALL = (
    "medspaCy is not installed; it wants numpy below 2 and spaCy below 3.8, so give it an "
    "environment of its own: python3 -m venv /tmp/medspacy-venv && /tmp/medspacy-venv/bin/pip "
    "install medspacy==1.3.1 click requests, then PYTHONPATH=. /tmp/medspacy-venv/bin/python -m "
    "benchmarks.note_readers"
)
PIPES = (
    "medspacy_tokenizer",
    "medspacy_pyrush",
    "medspacy_target_matcher",
    "medspacy_context",
    "medspacy_sectionizer",
)
GROUP = "medspacy_spans"  # doc.ents grows in quadratic time
KINDS = {  # medspaCy's categories, and ours
    "allergy": "allergies",
    "medications": "medications_on_admission",
    "problem_list": "weak_problems",
    "diagnoses": "other",
}
BOUNDED = frozenset(
    "history_of_present_illness past_medical_history allergies medications_on_admission "
    "discharge_medications".split()
)
TELLS_OF_HOME = BOUNDED - {"discharge_medications", "allergies"} | {"social_history", "none"}
CLOSED = (  # what follows a title: an aside, and a colon or the like, a gap, or the end of the line
    r"(?:[ ]*[(\[][^()\[\]\n]{0,60}[)\]](?: active)?)?[ \t]*"
    r"(?:\*\*|:|\?(?=\s)|\.(?=\s)|[ \t]--?(?=\s)|(?=\t| {2,}\S)|(?=\s*$))"
)
LIST = "medications_on_admission"
NEXT_ITEM = re.compile(r";|\n[ \t]*(?:[-*\u2022\d(]|[A-Za-z'\-]+ +\d|\n)")
ANOTHER = (  # headings in capitals, and those before a colon that ends the line
    r"(?m)^(?-i:[A-Z][A-Z][A-Z /&'\-]{2,40}(?::|(?=\s*$))|"
    r"[A-Z][a-z]+(?: [A-Za-z/&]+){0,5}:(?=\s*$))"
)
DOSED = (  # an item of a list that our formulary lacks; counts in medication sections only
    r"(?:(?<=\n)|(?<=; )|(?<=, )|(?<=- )|(?<=\. )|(?<=\) )|(?<=: )|(?<=  )|(?<=and ))"
    r"(?!and |take |inhale |place |use |apply |inject |non-)[A-Za-z][A-Za-z'\-/]{2,}"
    r"(?: (?!tab|cap|inh|and )[A-Za-z][A-Za-z'\-/]*){0,2}(?=,? \d[\d.,/]* ?(?:mg|mcg|g|gm|"
    r"units?|u|iu|ml|%|"
    r"meq|puffs?|tabs?|tablets?|drops?|gtts?|bd|od|tds|bid)\b)"
)
INFORMANTS = frozenset(("wife", "husband", "daughter", "spouse", "partner"))


class MedspacyMissing(Exception):  # noqa: N818 - a situation, named as such
    """The library is not there; the message says how to install it."""


@dataclass(frozen=True, slots=True)
class Part:
    """One section as medspaCy cut it: text[start:end] is its body, trimmed."""

    kind: str
    start: int
    end: int


class MedspacyReader:
    """Reads with medspaCy's sections, targets and ConText."""

    def __init__(self, formulary: Formulary) -> None:
        self.formulary = formulary
        self._nlp = _pipeline(formulary)
        self._version = metadata.version("medspacy")

    @property
    def name(self) -> str:
        """The library's version, and that of the names it was given."""
        return f"medspacy-{self._version}:{self.formulary.version}"

    def read(self, text: str) -> NoteSections:
        """The sections that medspaCy finds, and the targets that count as ours."""
        doc = self._nlp(text)
        parts = list(_parts(doc))
        spans = [(span, _kind_at(parts, span.start_char)) for span in doc.spans.get(GROUP, ())]
        return NoteSections(
            history_of_present_illness=_body(text, parts, "history_of_present_illness"),
            past_medical_history=_body(text, parts, "past_medical_history"),
            allergies=_once(text, (span for span, kind in spans if _is_allergy(span, kind))),
            medications_on_admission=_once(text, (s for s, kind in spans if _is_home(s, kind))),
        )

    def bounds(self, text: str) -> Iterator[str]:
        """The five sections as "kind start-end", as `found_bounds` has those of the rules."""
        for part in _parts(self._nlp(text)):
            if part.kind in BOUNDED and part.end > part.start:
                yield f"{part.kind} {part.start}-{part.end}"


def _pipeline(formulary: Formulary) -> Any:
    try:
        medspacy: Any = importlib.import_module("medspacy")
        importlib.import_module("loguru").logger.disable("PyRuSH")  # it logs every word of a note
    except ImportError as error:
        raise MedspacyMissing(f"{INSTALL} ({error})") from error
    nlp = medspacy.load(medspacy_enable=set(PIPES))
    nlp.max_length = 10_000_000
    nlp.get_pipe("medspacy_target_matcher").result_type = "group"
    nlp.get_pipe("medspacy_target_matcher").add(list(_targets(formulary)))
    context = nlp.get_pipe("medspacy_context")
    context.input_span_type = "group"
    context.add(list(_context_rules()))
    nlp.remove_pipe("medspacy_sectionizer")
    sectionizer = nlp.add_pipe(
        "medspacy_sectionizer",
        config={"rules": None, "span_attrs": None, "input_span_type": "group"},
    )
    sectionizer.add(list(_section_rules(sectionizer.DEFAULT_RULES_FILEPATH)))
    return nlp


def _targets(formulary: Formulary) -> Iterator[Any]:
    rule = importlib.import_module("medspacy.target_matcher").TargetRule
    codes = (resources.files("fhir_mappings") / "data" / "drug_codes.csv").read_bytes()
    products = read_products(codes, {entry.rxcui for entry in formulary.entries})
    names = {name.lower() for entry in formulary.entries for name in entry.names}
    names |= {product.display.lower() for product in products if product.is_name}
    names |= set(SUPPLEMENTS)
    for label, literals in (("DRUG", names), ("CLASS", CLASSES), ("ALLERGEN", ALLERGENS)):
        if label != "DRUG":
            literals = set(literals) - names
        for literal in sorted(literals):
            yield rule(literal, label)
    yield rule("a name and a dose", "DOSED", pattern=DOSED)


def _context_rules() -> Iterator[Any]:
    rule = importlib.import_module("medspacy.context").ConTextRule
    for (category, direction, reach), literals in CONTEXT.items():
        for literal in literals.split("|"):
            yield rule(literal, category, direction=direction, max_scope=reach)


def _section_rules(shipped: str) -> Iterator[Any]:
    """Its own rules that end in a colon, as the others match in running text; and our titles."""
    rule = importlib.import_module("medspacy.section_detection").SectionRule
    for known in rule.from_json(shipped):
        if known.literal.endswith(":") and known.literal.lower() not in ("history:", "psh:"):
            yield known
    for category, titles in ADDED_TITLES.items():
        pattern = rf"(?m)^[ \t]*[#*_>=]*[ \t]*\b(?:{titles})\b[*_]*{CLOSED}"
        inline = rf"(?<=[.;] )\b(?:{titles}):"
        yield rule(category, category, pattern=pattern)
        yield rule(category, category, pattern=inline)
    yield rule("another heading", "other", pattern=ANOTHER)


def _parts(doc: Any) -> Iterator[Part]:
    """The sections of a document, with our names."""
    kinds = [_kind_of(doc, section) for section in doc._.sections]
    strong = {"weak_history": "history_of_present_illness", "weak_problems": "past_medical_history"}
    for section, kind in zip(doc._.sections, kinds, strict=True):
        if kind in strong:
            kind = strong[kind] if strong[kind] not in kinds else "other"
        span = doc[section.body_start : section.body_end]
        start, end = span.start_char, span.end_char
        while start < end and doc.text[start] in " \t:*_":
            start += 1
        yield Part(kind, *trimmed(doc.text, start, end))


def _kind_of(doc: Any, section: Any) -> str:
    if section.category is None:
        return "none"
    title = doc[section.title_start : section.title_end].text.lower()
    if section.category == "medications" and ("discharge" in title or "transfer" in title):
        return "discharge_medications"
    category: str = section.category
    return KINDS.get(category, category)


def _kind_at(parts: Sequence[Part], at: int) -> str:
    return next((part.kind for part in parts if part.start <= at < part.end), "title")


def _categories(span: Any, kind: str) -> set[str]:
    """The categories of what modifies a target; not across the items of a list."""
    found = set()
    for modifier in span._.modifiers:
        first, last = modifier.modifier_span
        between = span.doc[min(last, span.end) : max(first, span.start)]
        end = between.end_char
        if kind == LIST and last <= span.start:  # whether the target begins an item shows behind it
            end = span.end_char + 3
        text = span.doc.text[between.start_char : end]
        is_informant = kind == "allergies" and _text(span, modifier) in INFORMANTS
        if not (NEXT_ITEM.search(text) or (modifier.category == "FAMILY" and is_informant)):
            found.add(modifier.category)
    return found


def _text(span: Any, modifier: Any) -> str:
    start, end = modifier.modifier_span
    words: str = span.doc[start:end].text
    return words.lower()


def _is_allergy(span: Any, kind: str) -> bool:
    about = _categories(span, kind)
    if span.label_ == "DOSED" or kind in ("family_history", "title"):
        return False
    if about & {"NEGATED_EXISTENCE", "FAMILY"}:
        return False
    return kind == "allergies" or "ALLERGY" in about


def _is_home(span: Any, kind: str) -> bool:
    about = _categories(span, kind)
    if span.label_ not in ("DRUG", "DOSED") or about & {"NEGATED_EXISTENCE", "FAMILY", "STOPPED"}:
        return False
    if kind == LIST or span.label_ == "DOSED":
        return kind == LIST
    return kind in TELLS_OF_HOME and "TAKES" in about and "ALLERGY" not in about


def _once(text: str, spans: Iterable[Any]) -> tuple[Mention, ...]:
    """Each name once, with the words around it."""
    seen: dict[str, Mention] = {}
    for span in spans:
        start, end = span.start_char, span.end_char
        around = text[max(0, start - 40) : end + 60]
        quote = " ".join(around.split())[:QUOTE_CHARS]
        seen.setdefault(
            span.text.lower(), Mention(name=span.text, start=start, end=end, quote=quote)
        )
    return tuple(seen.values())


def _body(text: str, parts: Iterable[Part], kind: str) -> str:
    return condense("\n".join(text[part.start : part.end] for part in parts if part.kind == kind))
