"""Allergies that a note tells of in running text, outside the sections made for them."""

import re
from collections.abc import Iterator

from lamo.notes.medication_items import mention
from lamo.notes.prose import RunningText
from lamo.notes.reactions import is_reaction
from lamo.notes.sections import Mention
from lamo.notes.spans import Span, sentences
from lamo.notes.substances import MATERIALS

_ALLERGIC = re.compile(
    r"\b(?:allerg(?:ic|y|ies) to|intoleran(?:t of|t to|ce (?:of|to))|anaphyla\w+[\"']? (?:to|with|"
    r"after|from)|"
    r"hypersensitiv\w+ to|(?:reaction|reactions|reacted(?: badly)?) (?:to|with)|"
    r"(?:cannot|can't|could not|couldn't|did not|does not|didn't|doesn't|unable to) (?:tolerate|"
    r"take|have(?! (?:an?|any|known)\b))|keep (?:him|her|them) off|"
    r"(?:rash|hives|welts|tightness|urticaria|swelling|angioedema|vomit\w*|itch\w*) (?:with|w/|"
    r"from|after|to|on|within (?:minutes|hours|days) of|if|when(?:ever)?)(?: (?:she|he|"
    r"they) (?:eats?|takes?|had|has))?)\s+",
    re.IGNORECASE,
)
_ALLERGY_AFTER = re.compile(
    r"\b(?:allerg(?:y|ies|ic)|intolerance|anaphylaxis|hypersensitivity)\b(?![\"']? to\b)"
    r"(?! (?:rhinit|conjunct|asthma|relief|pill|tab|med|shot|spray|season|\d+ ?mg))|"
    r"\b(?:gave|gives|caused?|causes|brought|brings|made|makes|swelled|closed|put)\b(?=[^.;]{0,60}"
    r"\b(?:rash|hives|urticaria|swell\w*|tongue|lips|face|throat|anaphyla\w+|itch\w*|"
    r"vomit\w*|nausea|sick|chest|welts|breath|cramps|wheez\w*|blister\w*|cough|myalgias?|"
    r"dystonia|angioedema)\b)|"
    r"\((?:stopped|discontinued|d/?c'?d|caused?|gave|developed|got)\b(?=[^().;]{0,40}\b(?:rash|hives|"
    r"urticaria|anaphyla\w+|angioedema|sjs|stevens|dress|dystonia)\b)",
    re.IGNORECASE,
)
_NOT_ALLERGIC = re.compile(
    r"\b(?:no|not|denies|denied|without|negative for|nor|never)\b(?:\s+\w+){0,4}\s*$", re.IGNORECASE
)
_NOUNS = ("allerg", "intol", "anaphyl", "hypersens")
_NOTHING_BETWEEN = re.compile(r"[\s\-\"')]*(?:(?:antibiotics?|class|drug|contrast|dye)\s*)?")
_REFUTED = re.compile(
    r"(?: (?:test\w*|label|entry))?[\s:,?(\-]*(?:(?:was|is|has been|is now)\s+)?"
    r"(?:ruled out|excluded|refuted|"
    r"disproved|removed|de-?labell?ed|negative|denied|none\b|no\b)",
    re.IGNORECASE,
)
_NEVER_AGAIN = re.compile(
    r"\b(?:not tolerated|(?:must not|not to) be given again|listed as an? (?:intolerance|"
    r"allergy)|never (?:to )?(?:take|have|be given) (?:it )?again|"
    r"(?:not to|would not|never) repeat it|list(?:ed)? (?:it )?as not tolerated|"
    r"flagged as possible hit|"
    r"say (?:he|she) is allergic|(?:never|not) been able to tolerate (?:it|this))\b",
    re.IGNORECASE,
)
_TO_THE_LIST = re.compile(r"(?<!remove)\bto (?:the|his|her|their) allergy list\b", re.IGNORECASE)
_ALLERGY_STEMS = (
    "allerg", "intoler", "anaphyl", "hypersens", "react", "toler", "not take", "n't take",
    "to take", "not have", "n't have", "keep ", "again", "repeat", "rash", "hive", "urticaria",
    "swell", "angio", "vomit", "itch", "tongue", "lips", "face", "throat", "nausea", "sick",
    "cramp", "wheez", "blister", "cough", "myalg", "dyston", "welts", "chest", "breath",
    "tightness",
)  # fmt: skip
_CLAUSE = re.compile(
    r"[;.](?:\s|$)|\n\s*\n|\b(?:but|which|that|who|while|although|when|so|because|in the|as a|"
    r"presents?|presented|admitted|takes|taking|"
    r"and (?:is|was|he|she|has|takes|it))\b|,\s(?:and|he|she|for)\b",
    re.IGNORECASE,
)


def allergies_told(note: RunningText, span: Span) -> Iterator[Mention]:
    """ "He is allergic to sulfa", "hives with ciprofloxacin", in running text."""
    if not note.has(span, _ALLERGY_STEMS):
        return
    for sentence in sentences(note.text, span):
        if note.is_worn_out:
            return
        if note.has(sentence, _ALLERGY_STEMS):
            yield from _never_again(note, sentence)
            yield from _named_after(note, sentence)
            yield from _named_before(note, sentence)


def _never_again(note: RunningText, sentence: Span) -> Iterator[Mention]:
    """ "Haloperidol ..., please list it as not tolerated": the drug named last before it."""
    added = _TO_THE_LIST.search(note.flat, *sentence)
    if added:
        known = note.names(sentence.start, added.start())
        yield from (mention(note.text, name) for name in known)
    for trigger in note.each(_NEVER_AGAIN, sentence):
        known = note.names(max(sentence.start, trigger.start() - 240), trigger.start())
        if known and not note.is_relatives(sentence, known[-1].start):
            yield mention(note.text, known[-1])


def _named_after(note: RunningText, sentence: Span) -> Iterator[Mention]:
    """ "Allergic to sulfa": what stands behind the words for it."""
    for trigger in note.each(_ALLERGIC, sentence):
        before = note.flat[max(sentence.start, trigger.start() - 60) : trigger.start()]
        is_inability = re.search(r"toler|take|have$|keep", trigger[0].strip().lower())
        if _NOT_ALLERGIC.search(before) and not is_inability:
            continue
        if not note.is_relatives(sentence, trigger.start()):
            yield from _substances(note, Span(trigger.end(), sentence.end))


def _substances(note: RunningText, span: Span) -> Iterator[Mention]:
    stop = _CLAUSE.search(note.flat, *span)
    end = min(stop.start() if stop else span.end, span.start + 120)
    known = note.substances(span.start, end)
    known = known[:1] + [name for name in known[1:] if not is_reaction(name.of(note.text))]
    material = None if known else MATERIALS.search(note.text, span.start, end)
    yield from (mention(note.text, name) for name in known)
    if material:
        yield mention(note.text, Span(*material.span()))


def _named_before(note: RunningText, sentence: Span) -> Iterator[Mention]:
    """ "Penicillin allergy", "ramipril swelled his tongue"."""
    for trigger in note.each(_ALLERGY_AFTER, sentence):
        begin = max(sentence.start, trigger.start() - 50)
        known = note.substances(begin, trigger.start())
        found = _told_before(note, known, trigger)
        if not known:
            materials = MATERIALS.finditer(note.text, begin, trigger.start())
            found = [Span(*m.span()) for m in materials if trigger.start() - m.end() < 3][-1:]
        if _REFUTED.match(note.flat, trigger.end()):
            continue
        for name in found:
            denied = _NOT_ALLERGIC.search(note.flat[sentence.start : name.start])
            if not denied and not note.is_relatives(sentence, trigger.start()):
                yield mention(note.text, name)


def _told_before(note: RunningText, known: list[Span], trigger: re.Match[str]) -> list[Span]:
    """The last name before a trigger; "statins (atorvastatin, rosuvastatin)" counts as one."""
    if not known or not _leads_to(note, known[-1].end, trigger):
        return []
    if ")" in note.flat[known[-1].end : trigger.start()]:
        bracket = note.flat.rfind("(", known[0].start, known[-1].start)
        for number, name in enumerate(known):
            if 0 <= bracket - name.end < 3:
                return known[number:]
    return known[-1:]


def _leads_to(note: RunningText, end: int, trigger: re.Match[str]) -> bool:
    """Whether a name is what the words behind it tell of: not that of "on aspirin, allergy"."""
    between = note.flat[end : trigger.start()]
    is_of_list = trigger[0].lower().startswith(_NOUNS) and not _NOTHING_BETWEEN.fullmatch(between)
    return len(between) < 12 and not is_of_list
