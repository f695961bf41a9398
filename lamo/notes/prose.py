"""Running text, and the home medications that it tells of outside the sections made for them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from fhir_mappings.formulary import Formulary
from lamo.notes.denial import is_about_a_relative, is_taken_back
from lamo.notes.medication_items import known_names, mention, unknown_with_dose
from lamo.notes.sections import Mention
from lamo.notes.spans import Span, sentences
from lamo.notes.substances import known_substances

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
_IN_HOSPITAL = re.compile(
    r"\b(?:in the (?:ed|er|emergency)|on arrival|was started|were started|started on|was given|"
    r"given|received|administered|loaded|bolus|infusion|on discharge|at discharge|will (?:take|"
    r"start|continue|be)|begin|commence\w*|advised|recommend\w*|should|consider|plan|switch\w*|"
    r"changing|change|add(?:ed|ing)?|intraoperative\w*|in house|course of)\b",
    re.IGNORECASE,
)


MOST_TRIGGERS = 400  # of a note
_TAKING_STEMS = (
    "tak", "took", "carries", "use", "using", " on ", "home", "with", "counter", "otc",
    "also has", "bring", "buy", "chronic", "swallow", "relies", "gets", "giving", "mixes",
    "putting", "his ", "her ",
)  # fmt: skip


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

    def substances(self, start: int, end: int) -> list[Span]:
        """The known drugs and classes of a stretch."""
        return known_substances(self.text, Span(start, end), self.formulary)

    def has(self, sentence: Span, stems: tuple[str, ...]) -> bool:
        """Whether one of the stems stands there; so that most sentences cost little."""
        words = self.lower[sentence.start : sentence.end]
        for stem in stems:
            if stem in words:
                return True
        return False

    def is_relatives(self, sentence: Span, at: int) -> bool:
        """Whether the sentence, or the bracket that the place is in, speaks of a relative."""
        bracket = self.text.rfind("(", sentence.start, at) + 1
        if bracket and self.text.find(")", bracket, at) < 0:
            sentence = Span(bracket, sentence.end)
        return is_about_a_relative(self.text, sentence, at)


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
