"""Allergies and home medications that a note tells of outside the sections made for them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from fhir_mappings.allergies import substance_class
from fhir_mappings.formulary import Formulary
from lamo.notes.allergy_items import MATERIALS, allergies_in
from lamo.notes.denial import is_about_a_relative, is_taken_back
from lamo.notes.medication_items import known_names, mention, unknown_with_dose
from lamo.notes.sections import Mention
from lamo.notes.spans import Span, sentences

_ALLERGIC = re.compile(
    r"\b(?:allerg(?:ic|y|ies) to|intoleran(?:t of|t to|ce (?:of|to))|anaphyla\w+ (?:to|with|"
    r"after|from)|"
    r"hypersensitiv\w+ to|(?:reaction|reactions|reacted(?: badly)?) (?:to|with)|"
    r"(?:cannot|can't|could not|couldn't|did not|does not|didn't|doesn't|unable to) (?:tolerate|"
    r"take|have)|keep (?:him|her|them) off|"
    r"(?:rash|hives|welts|tightness|urticaria|swelling|angioedema|vomit\w*|itch\w*) (?:with|w/|"
    r"from|after|to|on|within (?:minutes|hours|days) of|if|when(?:ever)?)(?: (?:she|he|"
    r"they) (?:eats?|takes?|had|has))?)\s+",
    re.IGNORECASE,
)
_ALLERGY_AFTER = re.compile(
    r"\b(?:allerg(?:y|ies)|intolerance|anaphylaxis|hypersensitivity)\b|"
    r"\b(?:gave|gives|caused?|causes|brought|brings|made|makes|swelled|closed|put)\b(?=[^.;]{0,60}"
    r"\b(?:rash|hives|urticaria|swell\w*|tongue|lips|face|throat|anaphyla\w+|itch\w*|"
    r"vomit\w*|nausea|sick|chest|welts|breath|cramps|wheez\w*|blister\w*|cough)\b)",
    re.IGNORECASE,
)
_NOT_ALLERGIC = re.compile(
    r"\b(?:no|not|denies|denied|without|negative for|nor|never)\b(?:\s+\w+){0,4}\s*$", re.IGNORECASE
)
_TAKES = re.compile(
    r"\b(?:takes?|taking|carries|took|has taken|put (?:him|her) on|putting|(?:lady|man|woman|"
    r"gentleman|girl|boy|male|female|year-old|yo|y/o) on|uses|using|is (?:currently |still )?on|"
    r"has been on|been on|remains on|"
    r"maintained on|stable on|continues on|home dose of|(?:his|her|their) (?:home|usual|regular|"
    r"daily)|"
    r"at home (?:on|with)|self-medicat\w+ with|over[- ]the[- ]counter|otc|also has|brings?|"
    r"buys|buying|chronic(?:ally)?(?: on)?|swallow(?:s|ed|ing)|relies on|gets|giving|mixes|"
    r"stayed on|has him on|has her on|"
    r"anticoagulated with|on (?:chronic|home|daily|long-term|long term))\b",
    re.IGNORECASE,
)
_NOT_TAKEN = re.compile(
    r"\s*(?:deficien|toxicit|overdose|level|abuse|misuse|poison)", re.IGNORECASE
)
_BY_OTHERS = re.compile(
    r"giving|putting|has (?:him|her) on|brings?|put (?:him|her) on", re.IGNORECASE
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
_IN_HOSPITAL = re.compile(
    r"\b(?:in the (?:ed|er|emergency)|on arrival|was started|were started|started on|was given|"
    r"given|received|administered|loaded|bolus|infusion|on discharge|at discharge|will (?:take|"
    r"start|continue|be)|begin|commence\w*|advised|recommend\w*|should|consider|plan|switch\w*|"
    r"changing|change|add(?:ed|ing)?|intraoperative\w*|in house|course of)\b",
    re.IGNORECASE,
)


MOST_TRIGGERS = 400  # of a note
_ALLERGY_STEMS = (
    "allerg", "intoler", "anaphyl", "hypersens", "react", "toler", "not take", "n't take",
    "to take", "not have", "n't have", "keep ", "again", "repeat", "rash", "hive", "urticaria",
    "swell", "angio", "vomit", "itch", "tongue", "lips", "face", "throat", "nausea", "sick",
    "cramp", "wheez", "blister", "cough", "welts", "chest", "breath", "tightness",
)  # fmt: skip
_TAKING_STEMS = (
    "tak", "took", "carries", "use", "using", " on ", "home", "with", "counter", "otc",
    "also has", "bring", "buy", "chronic", "swallow", "relies", "gets", "giving", "mixes",
    "putting", "his ", "her ",
)  # fmt: skip
_CLAUSE = re.compile(
    r"[;.](?:\s|$)|\n\s*\n|\b(?:but|which|that|who|while|although|when|so|because|in the|as a|"
    r"and (?:is|was|he|she|has|takes|it))\b|,\s(?:and|he|she|for)\b",
    re.IGNORECASE,
)


@dataclass(slots=True)
class RunningText:
    """A note, its line breaks read as spaces where a sentence is searched."""

    text: str
    formulary: Formulary
    flat: str = field(init=False)
    lower: str = field(init=False)
    triggers: int = 0  # looked into so far

    def __post_init__(self) -> None:
        self.flat = self.text.replace("\n", " ")
        self.lower = self.flat.lower()

    @property
    def is_worn_out(self) -> bool:
        """Whether it has more triggers than a person writes; the rest is not looked into."""
        return self.triggers > MOST_TRIGGERS

    def each(self, pattern: re.Pattern[str], sentence: Span) -> Iterator[re.Match[str]]:
        """The triggers of a sentence, counted."""
        for trigger in pattern.finditer(self.flat, *sentence):
            self.triggers += 1
            if self.is_worn_out:
                return
            yield trigger

    def names(self, start: int, end: int) -> list[Span]:
        """The known drugs of a stretch."""
        return known_names(self.text, Span(start, end), self.formulary)

    def has(self, sentence: Span, stems: tuple[str, ...]) -> bool:
        """Whether one of the stems stands there; so that most sentences cost little."""
        words = self.lower[sentence.start : sentence.end]
        for stem in stems:
            if stem in words:
                return True
        return False

    def is_relatives(self, sentence: Span, at: int) -> bool:
        """Whether the sentence speaks of a relative."""
        return is_about_a_relative(self.text, sentence, at)


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
    known = note.names(span.start, end)
    material = None if known else MATERIALS.search(note.text, span.start, end)
    if known:
        yield from (mention(note.text, name) for name in known)
    elif material:
        yield mention(note.text, Span(*material.span()))
    else:
        for found in allergies_in(note.text, Span(span.start, end), note.formulary):
            if substance_class(found.name):
                yield found


def _named_before(note: RunningText, sentence: Span) -> Iterator[Mention]:
    """ "Penicillin allergy", "ramipril swelled his tongue"."""
    for trigger in note.each(_ALLERGY_AFTER, sentence):
        begin = max(sentence.start, trigger.start() - 50)
        known = note.names(begin, trigger.start())
        found = known[-1:] if known and trigger.start() - known[-1].end < 12 else []
        if not known:
            materials = MATERIALS.finditer(note.text, begin, trigger.start())
            found = [Span(*m.span()) for m in materials if trigger.start() - m.end() < 3]
        for name in found[-1:]:
            denied = _NOT_ALLERGIC.search(note.flat[sentence.start : name.start])
            if not denied and not note.is_relatives(sentence, trigger.start()):
                yield mention(note.text, name)


def medications_told(note: RunningText, span: Span) -> Iterator[Mention]:
    """ "She takes furosemide at home", in running text about the time before the stay."""
    for sentence in sentences(note.text, span):
        if not note.has(sentence, _TAKING_STEMS):
            continue
        trigger = next(note.each(_TAKES, sentence), None)
        if trigger is None:
            continue
        by_others = _BY_OTHERS.fullmatch(trigger[0])
        if by_others or not note.is_relatives(sentence, trigger.start()):
            yield from _taken(note, sentence, trigger.end())


def _taken(note: RunningText, sentence: Span, start: int) -> Iterator[Mention]:
    names = note.names(start, sentence.end)
    names += unknown_with_dose(note.text, Span(start, sentence.end), names)
    for name in names:
        is_given_here = _IN_HOSPITAL.search(note.flat, sentence.start, name.start)
        if is_given_here or _NOT_TAKEN.match(note.flat, name.end):
            continue
        if not is_taken_back(note.text, sentence, name.start, name.end, in_passing=True):
            yield mention(note.text, name)
