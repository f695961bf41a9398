"""The medications that a stretch of a note lists, each with its place.

A known name is one wherever it stands. An unknown one counts where its form tells: first in a
listed line, before a dose, or alone between commas of a list.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from fhir_mappings.formulary import DrugPlace, Formulary
from lamo.notes.denial import is_about_a_relative, is_taken_back
from lamo.notes.sections import Mention
from lamo.notes.spans import (
    Entry,
    Span,
    entries,
    first_stop,
    is_table_row,
    pieces,
    quote_of,
    sentences,
    stripped,
)

LONGEST_NAME = 60
_AFTER_NAME = frozenset(
    "po p.o iv im sc subq sl pr daily bid b.i.d tid t.i.d qid qhs qam qpm qd od bd tds qds nocte "
    "mane prn "
    "p.r.n qwk weekly monthly nightly once twice three four two one every each as for with at in "
    "by to on "
    "when if since from after before until which that who because tablet tablets tab tabs "
    "capsule capsules "
    "cap caps patch patches inhaler inhalers puff puffs spray sprays drop drops gtt gtts cream "
    "ointment balm "
    "gel supplement supplements powder rinse vit solution susp suspension syrup liquid gummies "
    "injection injections inj neb nebs nebuliser nebulizer "
    "suppository suppositories sachet sachets lotion shampoo kit pen oral topical nasal "
    "ophthalmic inhaled "
    "sublingual transdermal mg mcg unit units ml g meq mmol is was were has had are being last "
    "dose per "
    "unknown w/".split()
)
_DOSE = re.compile(
    r"\b\d[\d.,/]*\s*(?:mg|mcg|\u00b5g|ug|g|units?|u|iu|ml|meq|mmol|puffs?|tabs?|caps?|tablets?|"
    r"capsules?|drops?|%)(?![a-z])|\b(?:po|prn|bid|tid|qid|qhs|qd|bd|tds|od|nocte)\b|"
    r"\b(?:daily|nightly|weekly|(?:most|every|each) (?:night|day|morning|evening)s?|at bedtime|"
    r"at night|"
    r"(?:once|twice|times) a (?:day|week))\b",
    re.IGNORECASE,
)
_LEADING = re.compile(
    r"(?:\W|\b(?:buys|occ|adds|takes?|taking|took|using|uses|used|is|are|was|on|also|"
    r"include[sd]?|including|his|her|"
    r"their|a|an|the|some|he|she|they|patient|pt|currently|current|continue[sd]?|continues|"
    r"prescribed|"
    r"listed|as|these|occasional|occasionally|regular|low|dose|low-dose|high-dose|baby|daily|"
    r"home|over|counter|otc|the-counter|over-the-counter|"
    r"plus|and|with|both|only|then|now|maintained|medications?|meds|inhalers?|other|tablets?|"
    r"active|suppl(?:y|ies)|"
    r"has|been|had|of|uses|occasionally|sometimes|rarely|generic|brand|name|chronic|long-term|"
    r"oral|topical|"
    r"prn|scheduled|follows|following|bottle|tablet|capsule|new|her|own|usual|status|nebs?|creams?|"
    r"non-va|a men's|men's|women's|adult|am|pm|morning|evening|noon|bedtime|mornings?|evenings?|"
    r"nights?|nocte|mane|lunch|breakfast|dinner)\b)+",
    re.IGNORECASE,
)
NO_NAME = frozenset(
    "authorizing provider historical "
    "low high infuse disp rfl decision discontinue increase decrease tdd via pump yes cart ordered "
    "reliability antibiotic antibiotics pill pills box fill history continues lancet lancets "
    "strips needles syringes supplies directions sources roughly maybe finished withheld "
    "smokes smoking tobacco alcohol cannabis cigarettes vapes mdi hfa scalp feet knees knee "
    "hands elbows nose eye face body oral mouth about adds added hardly used most nights half "
    "although described felt told weeks three two one "
    "what nobody nothing there been being does did done do most some any many few more less only "
    "own "
    "very just even also still yet now soon later today yesterday tomorrow week's time ketones "
    "omit "
    "bring in red band applied groggy too unsure answered see hpi father mother brother sister "
    "aunt "
    "uncle cousin himself herself themselves while though because than up down out off into onto "
    "none nil na n/a unknown no not denies take with food water by mouth needed directed refills "
    "refill tablet tablets capsule dose doses times day days week weeks month months morning night "
    "bedtime evening breakfast lunch dinner noon pain sleep prescriber pharmacy status active sig "
    "dispense medication medications drug name route frequency strength start end date last taken "
    "reviewed reconciled see list listed attached unchanged same as above per patient wife husband "
    "son daughter family compliant compliance adherence good poor the and or but he she they it is "
    "are was were has have had will for from that this these those who which when if then total "
    "puffs puff drops units each both eyes eye left right affected area skin apply inhale inject "
    "instill place dissolve chew swallow use give administer months supply quantity qty comments "
    "comment indication notes note filled fill fills source verified confirmed once twice daily "
    "every other alternate hold held pending missed sliding scale ac pc hs before after meals meal "
    "blister pack packs pharmacist allergies others miscellaneous supplements herbal herbals otc "
    "vitamins inhalers remedies products over counter over-the-counter nothing else anything other "
    "regular prn recently started increased decreased changed stopped years year ago since own "
    "her his their mg mcg po po; x".split()
)


def medications_in(text: str, span: Span, formulary: Formulary) -> Iterator[Mention]:
    """The medications of a section that lists what is taken."""
    listed = list(entries(text, span))
    form = _Form(
        one_a_line=_is_one_a_line(text, listed, formulary),
        in_lines=len(listed) > 2 and sum(map(_is_short, listed)) * 2 > len(listed),
    )
    for entry in listed:
        for sentence in sentences(text, entry.span):
            yield from _of_sentence(text, entry, sentence, formulary, form)


class _Form(NamedTuple):
    """How a section is laid out."""

    one_a_line: bool  # each line begins with its one medication
    in_lines: bool  # most lines are short: they are items, not sentences


def _is_short(entry: Entry) -> bool:
    return entry.span.end - entry.span.start < 60


def _is_one_a_line(text: str, listed: list[Entry], formulary: Formulary) -> bool:
    """Whether each line begins with its one medication, as in the tables of health records."""
    if len(listed) < 3:
        return False
    first = (next(pieces(text, entry.span), entry.span) for entry in listed)
    named = sum(bool(known_names(text, part, formulary)) for part in first)
    return 2 * named > len(listed)


def _of_sentence(
    text: str, entry: Entry, sentence: Span, formulary: Formulary, form: _Form
) -> Iterator[Mention]:
    spans = (stripped(text, one) for one in pieces(text, _unlabelled(text, sentence, formulary)))
    parts = [part for part in spans if part.end > part.start]
    if is_table_row(text, entry.span.start):
        parts = parts[:1]  # the further columns tell of the first
    is_list = entry.is_listed or form.in_lines or _reads_as_list(text, parts)
    for number, part in enumerate(parts):
        before = parts[number - 1].end if number else part.start
        is_column = form.one_a_line and _COLUMN.search(text, before, part.start)
        named = known_names(text, part, formulary)
        if is_column:
            named = [name for name in named if name.start == part.start]  # else it is a comment
        if not named and is_list and (not is_column or _STARTS_ITEM.match(text, *part)):
            is_first = number == 0 and part.start - entry.span.start < 3
            named = _unknown_name(text, part, is_first or not form.one_a_line)
        yield from (mention(text, name) for name in named if _is_taken(text, sentence, name))


def _is_taken(text: str, sentence: Span, name: Span) -> bool:
    return not is_taken_back(text, sentence, *name) and not is_about_a_relative(
        text, sentence, name.start
    )


_COLUMN = re.compile(r"\t|[ ]{3,}|\|")
_STARTS_ITEM = re.compile(r"[A-Za-z][A-Za-z\-]{4,} \d")


def _unlabelled(text: str, sentence: Span, formulary: Formulary) -> Span:
    """The sentence without a label such as "Blood pressure:" before its medications."""
    label = _LABEL.match(text, *sentence)
    if label is None or known_names(text, Span(*label.span()), formulary):
        return sentence
    return Span(label.end(), sentence.end)


_LABEL = re.compile(r"[A-Za-z][A-Za-z /&\-]{2,28}:[ \t]+(?=[A-Za-z])")


def known_names(text: str, part: Span, formulary: Formulary) -> list[Span]:
    """The drugs of the formulary that a piece names; a brand beside its own name counts once."""
    found: Sequence[DrugPlace] = formulary.places_in_line(part.of(text).replace("\n", " "))
    kept: list[Span] = []
    seen: set[str] = set()
    for place in found:
        codes = {ingredient.rxcui for ingredient in place.ingredients}
        if codes & seen:
            continue
        seen |= codes
        kept.append(Span(part.start + place.start, part.start + place.end))
    return kept


def _reads_as_list(text: str, parts: list[Span]) -> bool:
    """Whether most pieces are short or carry a dose, as in a list without bullets."""
    if not parts:
        return False
    short = sum(_is_item(part.of(text)) for part in parts)
    return 2 * short >= len(parts)


def _is_item(words: str) -> bool:
    return len(words.split()) <= 3 or bool(_DOSE.search(words))


def _unknown_name(text: str, part: Span, may_be_bare: bool) -> list[Span]:
    """A name that the formulary does not hold: what stands before dose, form and instructions."""
    lead = _LEADING.match(text, part.start, part.end)
    start = lead.end() if lead else part.start
    end = first_stop(text, Span(start, part.end), _AFTER_NAME)
    name = stripped(text, Span(start, min(end, start + LONGEST_NAME)), " \t\r\n.,;:*_|-\u2013?+=/")
    words = name.of(text).lower().split()
    if not words or len(words) > 4 or len(name.of(text)) < 3:
        return []
    if any(word.strip(".,;:()") in NO_NAME for word in words):
        return []
    if not re.search(r"[A-Za-z]{3}|^[BbDd]\d{1,2}$", name.of(text)):
        return []
    has_dose = bool(_DOSE.search(text, name.end, part.end))
    return [name] if has_dose or (may_be_bare and len(words) <= 3) else []


def unknown_with_dose(text: str, span: Span, known: list[Span]) -> Iterator[Span]:
    """Names in running text that the formulary does not hold, each with a dose behind it."""
    for part in pieces(text, span):
        if not _DOSE.search(text, *part):
            continue
        if not any(part.start <= name.start < part.end for name in known):
            yield from _unknown_name(text, stripped(text, part), may_be_bare=False)


def mention(text: str, name: Span) -> Mention:
    """The name with its place and the words around it."""
    named = " ".join(name.of(text).split())
    return Mention(name=named, start=name.start, end=name.end, quote=quote_of(text, name))
