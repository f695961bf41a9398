"""The substances that a stretch of a note calls allergies or intolerances, each with its place."""

import re
from collections.abc import Iterator

from fhir_mappings.formulary import Formulary
from lamo.notes.denial import is_about_a_relative, plain
from lamo.notes.medication_items import NO_NAME, mention
from lamo.notes.reactions import is_reaction, tells_reaction
from lamo.notes.sections import Mention
from lamo.notes.spans import (
    Span,
    entries,
    first_stop,
    is_table_row,
    pieces,
    sentences,
    stripped,
)
from lamo.notes.substances import MATERIALS, class_end, is_substance, known_substances

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
    r"verified|stated|by|record|related|only|cannot|must|not|have|avoid|side|effects?|from|all|"
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


def allergies_in(text: str, span: Span, formulary: Formulary) -> Iterator[Mention]:
    """The substances of an allergy section; reactions, severities and denials left out."""
    for entry in entries(text, span):
        is_told = False  # after a substance and its reaction, only what is known is another one
        for sentence in sentences(text, entry.span):
            goes_on = sentence.start > entry.span.start and text[sentence.start - 1] in _FULL_STOP
            for name, has_more in _of_sentence(text, sentence, formulary, is_told):
                is_told = is_told or has_more
                if not goes_on or _is_item(text, sentence, name, formulary):
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
        if found is None or _NONE.match(part.of(text)):
            is_told = is_told or (found is None and _is_story(part.of(text)))
            continue
        name, has_more = found
        if _is_denied(text, Span(opens, sentence.end), part, name.start):
            continue
        if not _is_another(name.of(text), number, has_more, is_told, formulary):
            continue
        number += 1
        is_told = has_more or is_row or _COLUMN.match(text, part.end) is not None
        if not is_about_a_relative(text, sentence, name.start):
            yield name, is_told


def _is_story(words: str) -> bool:
    return len(plain(words).split()) > MOST_WORDS


def _is_item(text: str, sentence: Span, name: Span, formulary: Formulary) -> bool:
    """Whether a name in a further sentence is no story: alone, with its reaction, or known."""
    if name.start - sentence.start < 5 and text[name.start].isupper():
        rest = text[name.end : min(sentence.end, name.end + 60)].strip(" .,;:()-\u2013\t\n")
        is_alone = (not rest or rest[0].isdigit()) and " " not in name.of(text)
        if is_alone or tells_reaction(rest):
            return True
    return is_substance(name.of(text), formulary)


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


def _is_denied(text: str, sentence: Span, part: Span, at: int) -> bool:
    """Whether a piece says that its substance is tolerated, or stands in a list of denied ones."""
    if _TOLERATED.search(plain(part.of(text))):
        return True
    if _WITHOUT.search(plain(text[part.start : sentence.end])):
        return True
    denial = _DENIES.search(text, sentence.start, at)
    return denial is not None and not _TURN.search(text, denial.end(), at)


def _is_further_column(text: str, begin: int, end: int, is_row: bool) -> bool:
    return (is_row and "|" in text[begin:end]) or _COLUMN.search(text, begin, end) is not None


def _is_another(
    words: str, number: int, has_more: bool, is_told: bool, formulary: Formulary
) -> bool:
    """Whether words name a substance, and do not go on about the reaction to the one before."""
    if is_reaction(words):
        return number == 0 and not is_told and is_substance(words, formulary)  # "Benadryl"
    count = len(words.split())
    is_subject = number == 0 and has_more and words[0].isupper() and count < 3
    must_be_known = (is_told and not is_subject) or (number > 0 and count > 2)
    return not must_be_known or is_substance(words, formulary)


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
    r"\b(?:denies|tolerates|not allergic to|never (?:received|had|took|taken|been given|tried)|"
    r"no (?:problems?|reactions?|allerg\w+|trouble) (?:to|with))\b",
    re.IGNORECASE,
)
_TOLERATED = re.compile(
    r"\btolerat(?:es|ed|ing)|\bnot allergic|\b(?:no|without) (?:problem|reaction|allerg|issue|"
    r"trouble|"
    r"event|incident|difficult)|\bwrong patient\b|\bdenies\b|\b(?:entered )?in error\b|"
    r"\brefuted\b|\bde-?label|\b(?:is|are|was|were)? ?(?:ok|okay|fine)\b|\bremoved from\b|"
    r"\bno longer allergic\b|"
    r"\bnegative (?:\w+ )?(?:challenge|test)|\b(?:challenge|test\w*) (?:was )?negative|[ :]no\W*$",
    re.IGNORECASE,
)
_COLUMN = re.compile(r"\t|[ ]{3,}")
MOST_WORDS = 6  # of a piece without a substance, before it is read as a story
_FULL_STOP = ".!?\"'"
# words of a story: "slept well", "walked", "slowly"; but "ragweed"
_TELLS = re.compile(
    r"\w*[^e\W]ed|\w{2,}ly|slept|ate|drank|went|came|felt|feels|looks|seems|well|good|bad|better|"
    r"worse|again|prev|previous|next|plan"
)
_ARTICLE = re.compile(r"\bthe\s+$", re.IGNORECASE)
_GOES_ON = re.compile(r"\s+[a-z]")  # "The room on the left"
_IS = re.compile(r"\s+(?:is|are|was|were)\b", re.IGNORECASE)
_NEVER_IN_NAMES = re.compile(r"[_<>{}]")
_OPENS_TOKEN = re.compile(r"(?:<\|?|[|[]/|[^-=]>)$")
_JOINED = ("-", "/", " / ", "+", " + ", " - ")


def _substance(text: str, part: Span, formulary: Formulary) -> tuple[Span, bool] | None:
    """The name in a piece, and whether a reaction is told behind it."""
    lead = _FRAME.match(text, part.start, part.end)
    start = lead.end() if lead else part.start
    end = first_stop(text, Span(start, part.end), _AFTER_NAME)
    end = max(end, class_end(text, Span(start, part.end)))  # "TMP/SMX"
    name = stripped(text, Span(start, end), " \t\r\n.,;:*_|-\u2013?+=/'\"()")
    known = _known(text, name, formulary)
    if known:
        return known, end < part.end
    return (name, end < part.end) if _may_be_name(text, name) else None


def _may_be_name(text: str, name: Span) -> bool:
    """Whether unknown words look like the item of a list, and not like a story or a token."""
    words = [word.lower().strip(".,;:()") for word in name.of(text).split()]
    if not 0 < len(words) < 5 or len(name.of(text)) < 3 or not NO_NAME.isdisjoint(words):
        return False
    if _TELLS.fullmatch(words[0]) or _NEVER_IN_NAMES.search(name.of(text)):
        return False
    has_article = _ARTICLE.search(text[max(0, name.start - 5) : name.start])
    is_subject = _IS.match(text, name.end) or (has_article and _GOES_ON.match(text, name.end))
    if is_subject and not tells_reaction(text[name.end : name.end + 60]):
        return False
    return not (
        _OPENS_TOKEN.search(text[max(0, name.start - 3) : name.start])
        or text.startswith((">", "|>"), name.end)
    )


def _known(text: str, name: Span, formulary: Formulary) -> Span | None:
    """The known substance that a name begins with: the "Latex" of "Latex gloves"."""
    named = known_substances(text, name, formulary)
    material = MATERIALS.search(text, *name)
    found = named[:1] + ([Span(*material.span())] if material else [])
    first = min(found, default=None, key=lambda one: (one.start, -one.end))
    if first is None or first.start - name.start > 25 or _LEVEL.match(text, name.start):
        return None
    end = first.end
    for other in named[1:]:
        if other.start - end <= 3 and text[end : other.start] in _JOINED:
            end = other.end  # "amoxicillin-clavulanate"
    return Span(first.start, end)
