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
ADDED_TITLES = {
    "history_of_present_illness": (
        "(?:history of )?(?:the )?(?:present(?:ing)?|current) (?:illness|complaint|episode|"
        "history|problem|symptoms?)|(?:cc|pc)/?(?:hpi|hpc)|hpi|hpc|hopi|interval history|"
        "reason (?:for|of) (?:admission|consult(?:ation)?|visit|referral) (?:and|/) (?:hpi|"
        "history)|(?:indication|story)(?: (?:and|/) (?:story|present illness))?|how this began|"
        "history of the present (?:illness|episode)|presenting history|wound history|"
        "brief (?:hpi|history)|indication / present illness|circumstances of admission|"
        "events leading here(?: / hpi)?|s/hpi|s|hx of pc|hopc|what happened|"
        r"history of admission|how did it start|reason for care / recent history|"
        "course of illness|presenting complaint and history|what brought (?:her|him) in|"
        "pre-op course|history of the present illness"
    ),
    "weak_history": ("history|anamnesis|clinical history|narrative|summary of events"),
    "past_medical_history": (
        "(?:past|previous|prior|other|relevant)?[ ]?(?:medical|surgical|psychiatric|"
        "medical[ /&]+surgical|surgical[ /&+]+an(?:a)?esthetic|psychiatric and medical)"
        " (?:history|hx|background|problems|conditions)|"
        "past (?:history|hx|illness(?:es)?|problems)|p(?:m|s)hx?|pmh/psh|pmhx?/pshx?|"
        "history of (?:past illness|procedures)|previous (?:history|illnesses|operations)|"
        "operations|background|co-?morbidities|medical background|other conditions|"
        "chronic conditions|surgeries|past operations|(?:problem list/)?past medical history|"
        "procedure/surgical history|antecedents|bg|background health|pmhx / surg|psh|"
        r"known problems|past medical / psychiatric|illnesses and operations so far|"
        "comorbid conditions|other health problems|surg hx|previous illnesses"
    ),
    "weak_problems": ("(?:active )?problem list|(?:medical |active )?problems|diagnoses"),
    "allergies": (
        "(?:known |drug |medication |food )*allerg(?:y|ies)(?: ?(?:/|and|&|,|or)"
        " ?(?:adverse (?:drug )?reactions?|intolerances?|sensitivities|adrs?|reactions|alerts))"
        r"*(?: (?:history|status|list|review))?(?: (?:as of [\d/]+|active))?|"
        "allergies (?:&|and) intolerances|all|nkda|adrs?|"
        "adverse (?:drug )?(?:reactions?|events)|allergic reactions|"
        "(?:drug )?(?:reactions|sensitivities|intolerances)|"
        "drug (?:& |and )?(?:other )?sensitivities|allergies, adverse reactions, alerts|"
        "allergy/adr(?: review)?|allergies and (?:sensitivities|intolerances)|"
        r"allergy(?: information)?|allergic to|known intolerances|anything you react to"
    ),
    "medications": (
        "(?:home|current|outpatient|regular|usual|admission|active|active outpatient|"
        "preadmission|pre-admission|prior to admission|maintenance|non-va|chronic|prior|"
        "patient's|own|daily|the)* ?(?:medications|meds|medicines|drugs|prescriptions|regimen|"
        "rx|treatment|drug therapy|medication list)(?: (?:on admission|at home|"
        "prior to admission|pta|at admission|before admission|and otcs?|at the nursing home|"
        "list|on arrival|history|as reported|taken at home))*|dhx?|drug (?:history|hx)|"
        "outpatient prescriptions and otcs|takes at home|current medication|"
        "what (?:he|she) takes|current regimen|best possible medication history|"
        "medication history|pta meds|bpmh|what she was taking at home|"
        "pill bottles from daughter = home meds|rx at home|pre-admission drugs|"
        "meds before coming in|home medication|prescribed and other medicines|outpatient drugs|"
        r"regular medicines|medications found in home, bottles checked one by one|"
        "medications coming in|treatment before admission|"
        "current home medications, per the facility mar|active non-va medications"
    ),
    "discharge_medications": (
        "(?:hospital )?discharge (?:medications?|meds|medicines|drugs|rx|prescriptions?)|"
        "(?:home )?(?:medications?|meds|medicines) (?:on|at|upon|@|for) (?:discharge|d/c|"
        "transfer)|meds @ d/c|d/c meds|drugs on leaving (?:the )?hospital|tto|ttas?|"
        "going home (?:with|on)|going back on|advice on discharge|"
        "(?:home )?medications upon discharge|to take home|medicines on leaving|"
        "meds on transfer|scheduled on transfer|discharge medication reconciliation|"
        "medicines to take home|medication at discharge|medications to continue at home|"
        r"new prescriptions|tto(?: \(28 days supplied\))?"
    ),
    "family_history": (
        "family(?: (?:history|hx|and social|medical history))?|fhx?|relatives|"
        r"family trouble with an(?:a)?esthetics|family and social|fam"
    ),
    "social_history": (
        "(?:personal[ /]*)?(?:and )?social(?: (?:history|hx))?|shx?|habits|lives with|"
        r"smoking, alcohol, other|other substances"
    ),
    "other": (
        "(?:brief |summary of )?(?:hospital|hosp|clinical|icu|ward) course(?: by (?:problem|"
        "issue))?|course(?: in (?:the )?(?:hospital|wards?))?|interval events|"
        "(?:physical |general )?exam(?:ination|s)?|on exam(?:ination)?|"
        "physical (?:findings|exam(?:ination)?)|o/e|p/?e(?: on admission)?|vitals?(?: signs)?|"
        "obs|imp(?:ression)?(?: and (?:plan|orders|recommendations))?|"
        "assessment(?: (?:and|&|/) ?plan)?|a/p|a&p|plan(?: (?:of care|for day))?|"
        "recommendations?(?: to team)?|discussion|formulation and plan|"
        "conclusion(?: and course)?|labs?(?: data)?|laboratory(?: (?:data|results))?|data|"
        "medical data|investigations?|additional investigation|ix|imaging|studies|results|ros|"
        "review of systems|dispo(?:sition)?|follow[ -]?up|f/u|review|condition at discharge|"
        "code status|mental status|immuni[sz]ations|birth history|developmental history|"
        "informants?|chief complaint|cc|pc|presenting complaint|"
        "reason (?:for|of) (?:visit|admission|consultation)|"
        "(?:current )?(?:inpatient|inpt) (?:medications?|meds|orders)(?: so far)?|progress|"
        "medications (?:administered|stopped(?: or held)?|held|given)|stop(?:ped)?|"
        "held(?: / stopped)?|"
        "(?:principal|primary|admitting|discharge|admission|final) diagnos[ie]s|dx|"
        "concerns|control|next|done today|function and diet|on outside list but not taking|"
        "occupational history|sh?ocial|plan of treatment|counselling|course in the hospital|"
        "plans|icu course by problem|while here|goals|inpatient (?:drugs|meds)|"
        "medications given in the ed|findings on admission|on arrival|please(?: stop giving)?|"
        "instructions|what we found|wound/activity|or / icu|for the gp please|o|p|a|presenting|"
        "vitals|diagnoses"
    ),
}
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
ALLERGENS = (
    "latex|peanut|peanuts|nuts|tree nuts|hazelnut|hazelnuts|walnut|walnuts|almonds|cashews|sesame|"
    "shellfish|shrimp|shrimps|prawn|prawns|crab|lobster|seafood|fish|egg|eggs|milk|dairy|"
    "lactose|soy|"
    "soya|wheat|gluten|strawberries|tomato|tomatoes|kiwi|kiwifruit|banana|bananas|"
    "avocado|pineapple|"
    "mango|citrus|bee|bees|bee sting|bee stings|bee venom|wasp|wasps|wasp stings|contrast|"
    "contrast dye|iv contrast|iv dye|iodinated contrast|iodine contrast|contrast media|iodine|"
    "adhesive|adhesive tape|surgical tape|paper tape|silk tape|tape|plasters|elastoplast|"
    "nickel|pollen|"
    "grass|ragweed|dust|dust mites|mold|mould|cats|cat dander|dogs|chlorhexidine|red wine|sulfites"
).split("|")
SUPPLEMENTS = (
    "fish oil|omega-3|multivitamin|multivitamins|mvi|vitamin b12|b12|vitamin c|vitamin d|"
    "vitamin d3|"
    "vitamin e|vitamin b complex|glucosamine|glucosamine-chondroitin|glucosamine with chondroitin|"
    "melatonin|probiotic|zinc|turmeric|ginkgo|coq10|calcium|psyllium|cranberry|echinacea|biotin"
).split("|")
CLASSES = (
    "sulfa|sulfa drugs|sulfa antibiotics|penicillin|pen|sulpha|sulfonamides|sulfonamide|"
    "penicillins|pcn|cephalosporins|carbapenems|"
    "nsaids|nsaid|opioids|opiates|ace inhibitors|ace inhibitor|acei|macrolides|quinolones|"
    "fluoroquinolones|tetracyclines|aminoglycosides|statins|statin|heparins|local anaesthetics"
).split("|")
CONTEXT = {  # category and direction: words, and how many tokens they reach
    ("ALLERGY", "FORWARD", 10): (
        "allergic to|allergy to|allergies to|hypersensitivity to|anaphylaxis to|anaphylactic to|"
        "intolerant of|intolerant to|intolerance to|intolerance of|reaction to|reacts to|"
        "reacted to|"
        "cannot take|can't take|cannot tolerate|can't tolerate|could not tolerate|"
        "couldn't tolerate|did not tolerate|does not tolerate|unable to tolerate|rash with|"
        "rash from|"
        "rash to|rash after|rash on|hives with|hives from|hives to|hives after|swelling with|"
        "swelling from|swelling after|itching with|vomiting with|cough with|cough from|myalgias on|"
        "side effects from|side effect of|not tolerating"
    ),
    ("ALLERGY", "BACKWARD", 20): (
        "allergy|allergies|intolerance|not tolerated|wasn't tolerated|poorly tolerated|anaphylaxis|"
        "angioedema|caused hives|caused a rash|caused rash|gave him hives|gave her hives|"
        "must not be given again|not to be given again|never again|made her sick|made him sick|"
        "brings it straight back up|never been able to tolerate|swelled|became flushed|"
        "makes her see things|lip swelling"
    ),
    ("NEGATED_EXISTENCE", "FORWARD", 8): (
        "tolerates|tolerating|no allergy to|denies allergy to|no allergies to|"
        "not allergic to|no known|nkda"
    ),
    ("NEGATED_EXISTENCE", "BIDIRECTIONAL", 4): "is tolerated|are tolerated|tolerated",
    ("NEGATED_EXISTENCE", "BACKWARD", 8): (
        "ok|okay|fine|without difficulty|without trouble|without problems|with no trouble"
    ),
    ("NEGATED_EXISTENCE", "FORWARD", 4): "nil",
    ("NEGATED_EXISTENCE", "TERMINATE", 99): "except|except for|other than|however",
    ("FAMILY", "PSEUDO", 1): "family doctor|family physician|family medicine",
    ("STOPPED", "FORWARD", 6): (
        "stopped taking|previously on|formerly on|used to take|was on|no longer takes|no longer on|"
        "no longer taking|came off|off|not taking|past use of|tried|failed"
    ),
    ("STOPPED", "BACKWARD", 8): (
        "stopped|was stopped|discontinued|d/c'd|dc'd|withdrawn|finished|completed|given up|ended|"
        "dropped|no longer|replaced by|was switched|off since|gave up|until last|ceased"
    ),
    ("TAKES", "FORWARD", 30): (
        "takes|taking|has been taking|is on|remains on|uses|using|has used|he is on|she is on|"
        "helping himself to|helping herself to|took|maintained on|continues on|now on|"
        "has been swallowing|self-medicating with|home|doubled his|doubled her|ran out of|"
        "been putting|has taken|put her on|put him on|also has|still takes|gets|over the counter"
    ),
}
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
