"""All rules over one record: what is ordered, what is taken, what we would suggest."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice

from fhir_mappings.record import Gap, Ingredient, Medication, PatientRecord
from medication_safety import cascades, courses, older_adults
from medication_safety.allergies import allergy_findings
from medication_safety.condition_groups import Recorded
from medication_safety.duplicates import duplicate_findings, still_taken
from medication_safety.findings import Finding
from medication_safety.interactions import interaction_findings
from medication_safety.organ_function import organ_findings
from medication_safety.pregnancy import pregnancy_findings
from medication_safety.rulebook import Rulebook
from medication_safety.wording import as_proposed

MOST_CHECKED = 100  # medications of one list: a longer one is no list that anybody takes
MOST_FINDINGS = 200  # of one call
WORTH_REVIEW = frozenset({courses.RULE})  # of what is taken, also where it is no warning


def check_medications(
    record: PatientRecord, proposed: Sequence[Ingredient], rulebook: Rulebook
) -> tuple[Finding, ...]:
    """Judge every order, every suggestion of this call and what is taken against the record.

    1. Each order: by itself, beside what is taken and the orders before it.
    2. Each suggestion, best first: the same, and the suggestions before it that were not
       objected to. Its finding has a medication of status "proposed", so that it is withheld.
    3. Each medication that is taken: beside the others. What is said of two of them is said of
       the later one, or of the one that is more easily given up. Only warnings, and what outlasts
       its usual course: a list that has stood for years is no reason to interrupt.

    Medications without ingredients match nothing: the mapping reports them as gaps. Of more than
    MOST_FINDINGS the rest is not looked for, and `unsaid` tells it; `shortened` keeps lists short.
    """
    taken = still_taken(record.current, record.decided_at.date())
    case = Case(record=record, recorded=rulebook.conditions.recorded(record), rulebook=rulebook)
    found = (
        _order_findings(case, taken),
        _proposal_findings(case, proposed, taken),
        _review_findings(case, taken),
    )
    return tuple(islice(chain.from_iterable(found), MOST_FINDINGS))


def shortened(record: PatientRecord) -> tuple[PatientRecord, tuple[Gap, ...]]:
    """The record with lists that can be checked in the time of a call, and what was left out."""
    gaps = tuple(
        Gap(
            kind="list-too-long",
            where=name,
            meaning=f"only {MOST_CHECKED} of {len(found)} medications {name} were checked",
            shown=True,
        )
        for name, found in (("ordered", record.ordered), ("taken", record.current))
        if len(found) > MOST_CHECKED
    )
    ordered, current = record.ordered[:MOST_CHECKED], record.current[:MOST_CHECKED]
    return (replace(record, ordered=ordered, current=current), gaps) if gaps else (record, ())


def unsaid(findings: Sequence[Finding]) -> tuple[Gap, ...]:
    """A shown gap where more was to be said than is looked for."""
    if len(findings) < MOST_FINDINGS:
        return ()
    meaning = f"the rules stopped after {MOST_FINDINGS} points: there may be more"
    return (Gap(kind="findings-cut", where="rules", meaning=meaning, shown=True),)


def is_on_proposal(finding: Finding) -> bool:
    """Whether a finding objects to one of our own suggestions: it is withheld, not shown."""
    return finding.medication.status == "proposed"


def is_on_current(finding: Finding, record: PatientRecord) -> bool:
    """Whether a finding is about what the patient already takes."""
    return finding.medication in record.current


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One record, what is asked of it again and again, and the rules."""

    record: PatientRecord
    recorded: Recorded
    rulebook: Rulebook


def _order_findings(case: Case, taken: tuple[Medication, ...]) -> Iterator[Finding]:
    ordered = case.record.ordered
    for position, order in enumerate(ordered):
        yield from _judged(case, order, (*taken, *ordered[:position]))


def _proposal_findings(
    case: Case, proposed: Sequence[Ingredient], taken: tuple[Medication, ...]
) -> Iterator[Finding]:
    accepted: list[Medication] = []
    for ingredient in proposed:
        medication = as_proposed(ingredient)
        found = tuple(_judged(case, medication, (*taken, *case.record.ordered, *accepted)))
        yield from found
        if not found:
            accepted.append(medication)


def _review_findings(case: Case, taken: tuple[Medication, ...]) -> Iterator[Finding]:
    for position, medication in enumerate(taken):
        for finding in _reviewed(case, medication, taken, position):
            if finding.severity != "info" or finding.rule in WORTH_REVIEW:
                yield finding


def _judged(case: Case, medication: Medication, others: Sequence[Medication]) -> Iterator[Finding]:
    """Every rule over one medication, the others beside it."""
    yield from _pairwise(case, medication, others)
    yield from _alone(case, medication, others)


def _reviewed(
    case: Case, medication: Medication, taken: Sequence[Medication], position: int
) -> Iterator[Finding]:
    yield from _pairwise(case, medication, taken[:position])
    yield from _alone(case, medication, (*taken[:position], *taken[position + 1 :]))


def _pairwise(case: Case, one: Medication, others: Sequence[Medication]) -> Iterator[Finding]:
    """The rules on two medications: of two that must not meet, not that they are of one class."""
    met = interaction_findings(case.record, one, others, case.rulebook.interactions)
    never = {fact for found in met if found.severity == "critical" for fact in found.because}
    beside = (other for other in others if other.fact not in never - {one.fact})
    yield from duplicate_findings(one, beside, case.rulebook.knowledge)
    yield from met


def _alone(case: Case, one: Medication, others: Sequence[Medication]) -> Iterator[Finding]:
    """The rules on one medication and this patient; the others may explain it."""
    record, recorded, book = case.record, case.recorded, case.rulebook
    yield from allergy_findings(record, one, book.knowledge)
    yield from organ_findings(record, one, others, book.organs)
    yield from pregnancy_findings(record, one, others, book.pregnancy)
    yield from older_adults.findings(record, one, others, book.older_adults, recorded)
    yield from cascades.findings(record, one, others, book.cascades, recorded)
    yield from courses.findings(record, one, others, book.courses, recorded)
