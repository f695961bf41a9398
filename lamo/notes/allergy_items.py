"""The substances that a stretch of a note calls allergies or intolerances, each with its place."""

import re
from collections.abc import Iterator

from fhir_mappings.allergies import substance_class
from fhir_mappings.formulary import Formulary
from lamo.notes.denial import is_about_a_relative, plain
from lamo.notes.medication_items import NO_NAME, known_names, mention
from lamo.notes.sections import Mention
from lamo.notes.spans import Span, entries, first_stop, is_table_row, pieces, sentences, stripped

_NONE = re.compile(
    r"^\W*(?:(?:the patient|patient|pt|she|he|there|they)\s+)?(?:has|have|had|is|are|were|was|"
    r"reports?|states?|denies|admits)?\W*(?:(?:no|nil|not|none|denies|without|"
    r"negative)\b(?! tolerat)"
    r"(?!.*\b(?:except|but|other than|apart from|however)\b).*|nkda\b.*|nka\b.*|nkfa\b.*|nkma\b.*|"
    r"n/?a|nil|unknown|unobtainable|unable to .*|not (?:known|documented|recorded|on file).*)$",
    re.IGNORECASE | re.DOTALL,
)
_EXCEPT = re.compile(
    r"\b(?:no|nil|none|denies|nkda|nka)\b[^.;]{0,60}?\b(?:except|but|other than|apart from|however)"
    r"(?: for| that| a| an| the| she| he| is| allergic| to)*\s",
    re.IGNORECASE,
)
_FRAME = re.compile(
    r"(?:\W|\b(?:the|patient|pt|she|he|they|is|are|was|has|had|have|a|an|reports?|states?|known|"
    r"allerg(?:y|ies|ic|en)|intoleran(?:t|ce)|hypersensitiv(?:e|ity)|sensitiv(?:e|ity)|adverse|"
    r"(?:drug )?reactions?|drugs?|severe|mild|moderate|possible|possibly|probable|questionable|"
    r"reported|documented|"
    r"history|but|that|or|iv|of|to|with|and|also|plus|both|some|medications?|foods?|"
    r"environmental|other|"
    r"contrast(?= allergy)|cannot|can't|tolerate|take|chart|lists?|listed|include[sd]?|including|"
    r"current|active|confirmed|as|child|on|per|wife|husband|mother|family|daughter|son|only|"
    r"verified|stated|by|record|only|cannot|must|not|have|avoid|side|effects?|from|all|"
    r"high|low|criticality|intol|causes?|substance|type|category|moderate|doc|noted)\b)+",
    re.IGNORECASE,
)
_AFTER_NAME = frozenset(
    "which that who cause causes caused causing give gives gave giving make makes made lead "
    "leads led leading "
    "result results resulted resulting with produce produces produced develop develops developed "
    "get gets "
    "getting got induce induces induced when as in since year years from due because broke bring "
    "brings "
    "brought rash hives urticaria itch itching itches itchy pruritus anaphylaxis anaphylactic "
    "anaphylactoid "
    "angioedema angiooedema nausea vomiting swelling swells swelled swollen is was were at after "
    "during "
    "reaction allergy intolerance sensitivity upset gi cough unknown per but on severe mild "
    "moderate type for "
    "then patient she he they stopped sent put raised turned long many several so if even only "
    "both not "
    "avoid the".split()
)
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
REACTION_WORDS = frozenset(
    "rash rashes hives urticaria itching itch itchy pruritus anaphylaxis anaphylactic "
    "anaphylactoid "
    "shock angioedema angiooedema swelling swollen nausea vomiting n/v gi upset stomach diarrhea "
    "diarrhoea cough sob shortness breath wheeze wheezing bronchospasm dyspnea dyspnoea headache "
    "headaches dizziness dizzy myalgia myalgias cramps cramping confusion hallucinations sedation "
    "drowsiness unknown childhood infancy child tongue lip lips throat facial face stevens-johnson "
    "sjs dress agranulocytosis thrombocytopenia bleeding hypotension tachycardia palpitations "
    "flushing red man syndrome renal failure aki severe mild moderate low high reaction reactions "
    "side effect effects delirium agitation constipation bradycardia hyperkalemia hyperkalaemia "
    "hyponatremia tremor sweats sweating fever blisters blistering peeling contact dermatitis "
    "local erythema redness irritation collapse intubated intubation epipen steroids resolved "
    "benadryl hepatitis jaundice pancreatitis neutropenia seizure seizures dystonia dystonic lock "
    "jaw lockjaw ulcer gastritis heartburn dyspepsia edema oedema ankle insomnia nightmares "
    "sleepy fatigue weakness pain muscle pains aches tingling numbness metallic taste dry mouth "
    "eyes watery sneezing rhinitis runny nose congestion asthma hospitalized required ago years "
    "year last time date noted severity criticality agent type comment baby boy girl nature said "
    "allergen allergens substance status active "
    "verified comment comments reviewed source type drug food environmental class medication n v d "
    "not specified documented other none see below above list chart family verbalized today "
    "updated confirmed generalized generalised diffuse whole body skin the and of with a to in "
    "on no doc mouth oral hospital ed er itchiness maculopapular lightheaded lightheadedness "
    "syncope epigastric distress bronchospasms laryngeal airway closing closes closed lips/face "
    "hyperactivity jittery anxiety sensitivity intolerance allergy details record entered by "
    "nurse pharmacist physician arrest cardiac respiratory depression".split()
)
_IS_YEAR = re.compile(r"[\W\d]*$")


def allergies_in(text: str, span: Span, formulary: Formulary) -> Iterator[Mention]:
    """The substances of an allergy section; reactions, severities and denials left out."""
    for entry in entries(text, span):
        is_told = False  # after a substance and its reaction, only what is known is another one
        for sentence in sentences(text, entry.span):
            for name, has_more in _of_sentence(text, sentence, formulary, is_told):
                is_told = is_told or has_more
                yield mention(text, name)


def _of_sentence(
    text: str, sentence: Span, formulary: Formulary, is_told: bool
) -> Iterator[tuple[Span, bool]]:
    """The names of a sentence, each with whether its reaction has been told behind it."""
    opens = begin = _begin_of(text, sentence)
    is_row = is_table_row(text, sentence.start)
    number = 0
    for part in pieces(text, Span(begin, sentence.end)):
        if is_told and _is_further_column(text, begin, part.start, is_row):
            return  # it tells of the first
        if _APART.search(text, begin, part.start) and not is_row:
            is_told = False  # the next one of a list
        begin = part.end
        found = _substance(text, stripped(text, part), formulary)
        if (
            found is None
            or _NONE.match(part.of(text))
            or _is_denied(text, opens, part, sentence.end)
        ):
            continue
        name, has_more = found
        if not _is_another(name.of(text), number, has_more, is_told, formulary):
            continue
        number += 1
        is_told = has_more or is_row or _COLUMN.match(text, part.end) is not None
        if not is_about_a_relative(text, sentence, name.start):
            yield name, is_told


def _begin_of(text: str, sentence: Span) -> int:
    """Where a sentence begins to name substances: behind "no allergies except", if it denies."""
    begin = stripped(text, sentence).start
    exception = _EXCEPT.search(text, begin, sentence.end)
    if exception:
        return exception.end()
    if _NONE.match(sentence.of(text)[:300]):
        turn = _TURN.search(text, begin, sentence.end)
        return turn.end() if turn else sentence.end
    return begin


def _is_denied(text: str, begin: int, part: Span, end: int) -> bool:
    """Whether a piece says that its substance is tolerated, or stands in a list of denied ones."""
    if _TOLERATED.search(plain(part.of(text))) or _WITHOUT.search(plain(text[part.start : end])):
        return True
    denial = _DENIES.search(text, begin, part.start)
    return denial is not None and not _TURN.search(text, denial.end(), part.start)


def _is_further_column(text: str, begin: int, end: int, is_row: bool) -> bool:
    return (is_row and "|" in text[begin:end]) or _COLUMN.search(text, begin, end) is not None


def _is_another(
    words: str, number: int, has_more: bool, is_told: bool, formulary: Formulary
) -> bool:
    """Whether words name a substance, and do not go on about the reaction to the one before."""
    if _is_reaction(words):
        return False
    count = len(words.split())
    is_subject = number == 0 and has_more and words[0].isupper() and count < 3
    must_be_known = (is_told and not is_subject) or (number > 0 and count > 2)
    return not must_be_known or is_substance(words, formulary)


def is_substance(words: str, formulary: Formulary) -> bool:
    """Whether this is known as something that people are allergic to."""
    return bool(MATERIALS.search(words) or formulary.find_in_text(words) or substance_class(words))


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


def _is_reaction(words: str) -> bool:
    named = words.lower().split()
    return all(word.strip(".,;:()/\"'") in REACTION_WORDS or _IS_YEAR.match(word) for word in named)


_LEVEL = re.compile(r"(?:low|high|raised|elevated)\b", re.IGNORECASE)
_APART = re.compile(r"[;|\u2022]|[ ]/\s")
_TURN = re.compile(r";|\b(?:but|except|however|although)\b", re.IGNORECASE)
# reaches back over a list: "eggs and nuts without difficulty"
_WITHOUT = re.compile(
    r"^[^;]{0,120}\b(?:without|with no|had no) (?:any )?(?:problem|reaction|issue|trouble|event|"
    r"incident|difficult)",
    re.IGNORECASE,
)
_DENIES = re.compile(
    r"\b(?:denies|tolerates|not allergic to|no (?:problems?|reactions?|allerg\w+|trouble) (?:to|"
    r"with))\b",
    re.IGNORECASE,
)
_TOLERATED = re.compile(
    r"\btolerat(?:es|ed|ing)|\bnot allergic|\b(?:no|without) (?:problem|reaction|allerg|issue|"
    r"trouble|"
    r"event|incident|difficult)|\bwrong patient\b|\bdenies\b|\b(?:entered )?in error\b|"
    r"\brefuted\b|\bde-?label|\b(?:is|are|was|were)? ?(?:ok|okay|fine)\b",
    re.IGNORECASE,
)
_COLUMN = re.compile(r"\t|[ ]{3,}")
_JOINED = ("-", "/", " / ", "+", " + ", " - ")


def _substance(text: str, part: Span, formulary: Formulary) -> tuple[Span, bool] | None:
    """The name in a piece, and whether a reaction is told behind it."""
    lead = _FRAME.match(text, part.start, part.end)
    start = lead.end() if lead else part.start
    end = first_stop(text, Span(start, part.end), _AFTER_NAME)
    name = stripped(text, Span(start, end), " \t\r\n.,;:*_|-\u2013?+=/'\"()")
    known = _known(text, name, formulary)
    if known:
        return known, end < part.end
    words = name.of(text).split()
    if not words or len(words) > 4 or len(name.of(text)) < 3:
        return None
    if any(word.lower().strip(".,;:()") in NO_NAME for word in words):
        return None
    return name, end < part.end


def _known(text: str, name: Span, formulary: Formulary) -> Span | None:
    """The known substance that a name begins with: the "Latex" of "Latex gloves"."""
    found = [*known_names(text, name, formulary)[:1]]
    found += [Span(*m.span()) for m in [MATERIALS.search(text, name.start, name.end)] if m]
    first = min(found, default=None)
    if first is None or first.start - name.start > 25 or _LEVEL.match(text, name.start):
        return None
    end = first.end
    for other in known_names(text, name, formulary)[1:]:
        if other.start - end <= 3 and text[end : other.start] in _JOINED:
            end = other.end  # "amoxicillin-clavulanate"
    return Span(first.start, end)
