"""Why the model says what it says: each fact of the prompt is left out, and it is asked again.

How far the log-odds fall without a fact is what the fact speaks for a medication, in this prompt
and for this model. Nothing here is told by a model, and nothing is said about causes: facts that
say the same thing cover for each other, and each then moves little alone.

What moves a score is no reason yet. A reason for a medication is what it can be given for: a
condition, a procedure, or the same medication at home; an allergy, an age or a text never is. A
reason against it is a condition, an allergy or another medication. Either has to move the odds by
`MATTERS`, which is what a true indication does: where none does, nothing is named.

Facts are left out of what the prompt shows. A list that was cut is not filled up with what did not
fit, so one thing changes at a time.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TypeVar

from fhir_mappings.record import (
    Diagnosis,
    Fact,
    Gap,
    Hospitalization,
    Medication,
    PatientRecord,
    Procedure,
)
from lamo.deadline import Deadline
from lamo.notes.digest import SETTINGS, NoteDigest
from lamo.prompts import (
    CURRENT_HEADING,
    DEFAULT_PLAN,
    Prompt,
    PromptPlan,
    quoted_list,
    render_prompt,
)
from lamo.scoring.base import Scorer, ScorerUnavailable, VariantScorer

Emptied = TypeVar("Emptied", Hospitalization, NoteDigest)

AT_ONCE = 8  # facts that one turn at the model leaves out, where it takes several
STRONGEST = 3
MATTERS = (
    1.0  # log-odds, odds times 2.7: the bundled model moves by more for every indication tested
)
HOME = "medications on admission"
PERSON = "age, sex and setting"
STAY = "previous hospitalization"
LEFT_OUT = "prompt-section-left-out"  # the kind of a gap of `render_prompt`


@dataclass(frozen=True, slots=True, kw_only=True)
class Omission:
    """One fact of a prompt, and the patient without it."""

    section: str  # of the prompt, in the words of `LEAST_TELLING_FIRST`
    named: str  # as the prompt prints it; a text is named by its section
    facts: tuple[Fact, ...]  # what of the record says so, the latest first; a text has none
    record: PatientRecord
    digest: NoteDigest | None

    @property
    def key(self) -> str:
        """Names the fact among those of any prompt, and does not show its words."""
        named = f"{self.section}\n{self.named}"
        return hashlib.sha256(named.encode("utf-8", "replace")).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """How far one fact moves the log-odds of one candidate."""

    fact: Fact | str  # a section of the prompt has no fact but a name
    section: str
    named: str  # as the prompt prints it
    label: str  # of the candidate
    delta: float  # whole minus left out: above 0 the fact speaks for the candidate
    also: tuple[Fact, ...] = ()  # others in the record that say the same

    @property
    def is_reason_for(self) -> bool:
        """Whether it may be what the candidate is given for, and weighs enough to say so."""
        is_itself = self.section == HOME and self.named == self.label
        return self.delta >= MATTERS and (self.section in ("diagnoses", "procedures") or is_itself)

    @property
    def is_reason_against(self) -> bool:
        """Whether a clinician may find in it what speaks against the candidate, and it weighs."""
        return self.delta <= -MATTERS and self.section in ("diagnoses", "allergies", HOME)


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What every examined fact says of some candidates."""

    moved: tuple[Moved, ...] = ()  # by candidate, then in the order in which facts are examined
    log_odds: Mapping[str, float] = field(default_factory=dict)  # of the whole prompt
    unexamined: int = 0  # facts that no time was left for
    reason: str | None = None  # why facts are left unexamined; None: none are

    def speaking_for(self, label: str, most: int = STRONGEST) -> tuple[Moved, ...]:
        """The reasons for a candidate, the strongest first; empty where no fact is one."""
        found = [one for one in self.moved if one.label == label and one.is_reason_for]
        return tuple(sorted(found, key=lambda one: -one.delta)[:most])

    def speaking_against(self, label: str, most: int = STRONGEST) -> tuple[Moved, ...]:
        """The reasons against a candidate, the strongest first; empty where no fact is one."""
        found = [one for one in self.moved if one.label == label and one.is_reason_against]
        return tuple(sorted(found, key=lambda one: one.delta)[:most])


def explain(
    record: PatientRecord,
    digest: NoteDigest | None,
    prompt_plan: PromptPlan,
    scorer: Scorer,
    labels: Sequence[str],
    deadline: Deadline,
) -> Explanation:
    """Leave each fact of a patient's prompt out, and score again.

    Args:
        record: the patient whose prompt was scored.
        digest: what its notes say; as `render_prompt` had it.
        prompt_plan: as `render_prompt` had it.
        scorer: an outage of it is an explanation with a reason, and with what was known before.
        labels: the candidates to explain; about eight can be afforded within a hook call.
        deadline: past it the facts that are left stay unexamined, and are counted.
    """
    if not labels:
        return Explanation()
    whole, gaps = render_prompt(record, digest, prompt_plan)
    omissions = list(omissions_of(*as_shown(record, digest, whole, gaps)))
    found: list[Mapping[str, float]] = []
    log_odds: Mapping[str, float] = {}
    reason = None
    try:
        _in_time(deadline)
        log_odds = scorer.score(whole, labels, deadline)
        prompts = _left_out(omissions, prompt_plan)
        for some in _scored(whole, prompts, scorer, labels, deadline):
            found += some
    except ScorerUnavailable as unavailable:
        reason = str(unavailable)
    return Explanation(
        moved=tuple(_moved(omissions, found, labels, log_odds)),
        log_odds=log_odds,
        unexamined=len(omissions) - len(found),
        reason=reason,
    )


def without(
    record: PatientRecord, digest: NoteDigest | None, keys: Collection[str], plan: PromptPlan
) -> Prompt:
    """The prompt of a patient without several facts at once.

    Args:
        record: as far as the prompt shows it (`as_shown`).
        digest: the same of the notes.
        keys: of `Omission.key`; what is of no fact is left alone.
        plan: as `render_prompt` had it.
    """
    for key in keys:
        found = (one for one in omissions_of(record, digest) if one.key == key)
        if (omission := next(found, None)) is not None:
            record, digest = omission.record, omission.digest
    return render_prompt(record, digest, _whatever_fits(plan))[0]


def _whatever_fits(plan: PromptPlan) -> PromptPlan:
    """Without a test of length, or a section that was left out would come back."""
    return replace(plan, fits=DEFAULT_PLAN.fits)


def _in_time(deadline: Deadline) -> None:
    """Raise as a scorer does when it is out of time, also for scorers that would not."""
    if deadline.left_s() == 0:
        raise ScorerUnavailable("no time was left for explaining")


def _left_out(omissions: Iterable[Omission], plan: PromptPlan) -> Iterator[Prompt]:
    whatever_fits = _whatever_fits(plan)
    for omission in omissions:
        yield render_prompt(omission.record, omission.digest, whatever_fits)[0]


def _scored(
    whole: Prompt,
    prompts: Iterator[Prompt],
    scorer: Scorer,
    labels: Sequence[str],
    deadline: Deadline,
) -> Iterator[Sequence[Mapping[str, float]]]:
    """Scores of the prompts, a few at a time: other callers get their turns in between."""
    if not isinstance(scorer, VariantScorer):
        for prompt in prompts:
            _in_time(deadline)
            yield [scorer.score(prompt, labels, deadline)]
        return
    while some := list(islice(prompts, AT_ONCE)):
        _in_time(deadline)
        yield scorer.score_variants(whole, some, labels, deadline)


def _moved(
    omissions: Sequence[Omission],
    found: Sequence[Mapping[str, float]],
    labels: Sequence[str],
    log_odds: Mapping[str, float],
) -> Iterator[Moved]:
    for label in labels:
        for omission, without in zip(omissions, found, strict=False):  # found: the first of them
            first, also = omission.facts[:1], omission.facts[1:]
            yield Moved(
                fact=first[0] if first else omission.named,
                section=omission.section,
                named=omission.named,
                label=label,
                delta=log_odds[label] - without[label],
                also=also,
            )


def omissions_of(record: PatientRecord, digest: NoteDigest | None) -> Iterator[Omission]:
    """Every fact of the prompt once, those first that say most about the next order."""
    for name in _names(record.diagnoses):
        kept = tuple(one for one in record.diagnoses if one.label != name)
        facts = [one.fact for one in record.diagnoses if one.label == name]
        yield _omission("diagnoses", name, facts, replace(record, diagnoses=kept), digest)
    if digest is not None:
        yield from _told(record, digest)
    for name in _names(record.procedures):
        others = tuple(one for one in record.procedures if one.label != name)
        facts = [_done(one) for one in record.procedures if one.label == name]
        yield _omission("procedures", name, facts, replace(record, procedures=others), digest)
    yield from _texts(record, digest)
    if record.previous is not None:
        stay = Fact(text=STAY, reference=record.previous.reference, dated=record.previous.started)
        facts = [stay] if stay.reference else []
        yield _omission(STAY, STAY, facts, replace(record, previous=None), digest)


def _told(record: PatientRecord, digest: NoteDigest) -> Iterator[Omission]:
    """The lists of the digest: of the record's resources, of a note, or of both."""
    home = digest.medications_on_admission
    for name in dict.fromkeys(home):
        kept = replace(digest, medications_on_admission=tuple(one for one in home if one != name))
        facts = [one.fact for one in record.current if name in _ingredients(one)]
        facts = facts or [Fact(text=name)]
        yield _omission(HOME, name, facts, record, kept)
    for name in dict.fromkeys(digest.allergies):
        others = tuple(one for one in digest.allergies if one != name)
        facts = [
            one.fact
            for one in record.allergies
            if name in {i.label for i in one.ingredients}
            or name.casefold() in one.display.casefold()
        ]
        facts = facts or [Fact(text=f"allergy to {name}")]
        yield _omission("allergies", name, facts, record, replace(digest, allergies=others))


def _texts(record: PatientRecord, digest: NoteDigest | None) -> Iterator[Omission]:
    """Who the patient is, and the texts of the notes."""
    if digest is None:
        yield from _person(record, digest)
        return
    history = digest.history_of_present_illness
    silent = replace(digest, history_of_present_illness="")
    if history and _is_person(history, record):
        yield from _person(record, silent)
    elif history:
        name = "history of present illness"
        yield _omission(name, name, [], record, silent)
    if digest.past_medical_history:
        name = "past medical history"
        yield _omission(name, name, [], record, replace(digest, past_medical_history=""))


def _person(record: PatientRecord, silent: NoteDigest | None) -> Iterator[Omission]:
    """Age and sex; those of the previous stay say the same and go with them."""
    if (record.age, record.sex, record.setting) == (None, None, None):
        return
    earlier = record.previous and replace(record.previous, age=None, sex=None)
    nobody = replace(record, age=None, sex=None, setting=None, previous=earlier)
    yield _omission(PERSON, PERSON, [], nobody, silent)


def _is_person(history: str, record: PatientRecord) -> bool:
    """Whether a digest says who the patient is, for want of a history (see `digest_of`)."""
    age = "unknown age" if record.age is None else f"{record.age} year old"
    setting = f", {SETTINGS[record.setting]}" if record.setting else ""
    return history == f"{age} {record.sex or 'patient'}{setting}."


def _omission(
    section: str,
    named: str,
    facts: Sequence[Fact],
    record: PatientRecord,
    digest: NoteDigest | None,
) -> Omission:
    latest = sorted(facts, key=lambda fact: -fact.dated.toordinal() if fact.dated else 0)
    return Omission(section=section, named=named, facts=tuple(latest), record=record, digest=digest)


def _names(items: Iterable[Diagnosis | Procedure]) -> Iterable[str]:
    return dict.fromkeys(item.label for item in items)


def _ingredients(medication: Medication) -> frozenset[str]:
    return frozenset(ingredient.label for ingredient in medication.ingredients)


def _done(procedure: Procedure) -> Fact:
    return Fact(text=procedure.display, reference=procedure.reference, dated=procedure.dated)


def as_shown(
    record: PatientRecord, digest: NoteDigest | None, prompt: Prompt, gaps: Iterable[Gap]
) -> tuple[PatientRecord, NoteDigest | None]:
    """The patient as far as the prompt shows one, so that a list that was cut stays cut.

    Nothing in a record can print the name of a field (`plain`), so that the lists of the present
    condition are what stands behind theirs.
    """
    left = {gap.where for gap in gaps if gap.kind == LEFT_OUT}
    current = prompt.text.rpartition(CURRENT_HEADING)[2].rpartition("Diagnose: ")[2]
    diagnoses, _, procedures = current.partition("Procedure: ")
    earlier = {name.removeprefix("previous ") for name in left if name.startswith("previous ")}
    shown = replace(
        record,
        diagnoses=tuple(one for one in record.diagnoses if _quoted(one.label) in diagnoses),
        procedures=tuple(one for one in record.procedures if _quoted(one.label) in procedures),
        previous=record.previous and _emptied(record.previous, earlier),
    )
    return shown, digest and _emptied(digest, {name.replace(" ", "_") for name in left})


def _quoted(label: str) -> str:
    return quoted_list([label])[1:-1]


def _emptied(value: Emptied, names: Iterable[str]) -> Emptied:
    """Without what stands under these names, as far as it has any such."""
    there = [name for name in names if hasattr(value, name)]
    return replace(value, **{name: type(getattr(value, name))() for name in there})
