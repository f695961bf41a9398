"""All rules over one record: what is ordered, what is taken, what we would suggest."""

from collections.abc import Iterator, Sequence

from fhir_mappings.record import Ingredient, Medication, PatientRecord
from medication_safety import cascades, courses, older_adults
from medication_safety.allergies import allergy_findings
from medication_safety.duplicates import duplicate_findings, still_taken
from medication_safety.findings import Finding
from medication_safety.interactions import interaction_findings
from medication_safety.organ_function import organ_findings
from medication_safety.pregnancy import pregnancy_findings
from medication_safety.rulebook import Rulebook
from medication_safety.wording import as_proposed

WORTH_REVIEW = frozenset({courses.RULE})  # of what is taken, also where it is no warning


def check_medications(
    record: PatientRecord, proposed: Sequence[Ingredient], rulebook: Rulebook
) -> tuple[Finding, ...]:
    """Judge every order, every suggestion of this call and what is taken against the record.

    1. Each order: by itself, beside what is taken and the orders before it.
    2. Each suggestion, best first: the same, and the suggestions before it that were not
       objected to. Its finding has a medication of status "proposed", so that it is withheld.
    3. Each medication that is taken: beside the others. What is said of two of them is said of
       the later one. Only warnings, and what outlasts its usual course: a list that has stood
       for years is no reason to interrupt.

    Medications without ingredients match nothing: the mapping reports them as gaps.
    """
    taken = still_taken(record.current, record.decided_at.date())
    return (
        *_order_findings(record, taken, rulebook),
        *_proposal_findings(record, proposed, taken, rulebook),
        *_review_findings(record, taken, rulebook),
    )


def is_on_proposal(finding: Finding) -> bool:
    """Whether a finding objects to one of our own suggestions: it is withheld, not shown."""
    return finding.medication.status == "proposed"


def is_on_current(finding: Finding, record: PatientRecord) -> bool:
    """Whether a finding is about what the patient already takes."""
    return finding.medication in record.current


def _order_findings(
    record: PatientRecord, taken: tuple[Medication, ...], rulebook: Rulebook
) -> list[Finding]:
    return [
        finding
        for position, order in enumerate(record.ordered)
        for finding in _judged(record, order, (*taken, *record.ordered[:position]), rulebook)
    ]


def _proposal_findings(
    record: PatientRecord,
    proposed: Sequence[Ingredient],
    taken: tuple[Medication, ...],
    rulebook: Rulebook,
) -> list[Finding]:
    findings: list[Finding] = []
    accepted: list[Medication] = []
    for ingredient in proposed:
        medication = as_proposed(ingredient)
        beside = (*taken, *record.ordered, *accepted)
        found = tuple(_judged(record, medication, beside, rulebook))
        findings.extend(found)
        if not found:
            accepted.append(medication)
    return findings


def _review_findings(
    record: PatientRecord, taken: tuple[Medication, ...], rulebook: Rulebook
) -> list[Finding]:
    return [
        finding
        for position, medication in enumerate(taken)
        for finding in _reviewed(record, medication, taken, position, rulebook)
        if finding.severity != "info" or finding.rule in WORTH_REVIEW
    ]


def _judged(
    record: PatientRecord,
    medication: Medication,
    others: Sequence[Medication],
    rulebook: Rulebook,
) -> Iterator[Finding]:
    """Every rule over one medication, the others beside it."""
    yield from _pairwise(record, medication, others, rulebook)
    yield from _alone(record, medication, others, rulebook)


def _reviewed(
    record: PatientRecord,
    medication: Medication,
    taken: Sequence[Medication],
    position: int,
    rulebook: Rulebook,
) -> Iterator[Finding]:
    yield from _pairwise(record, medication, taken[:position], rulebook)
    beside = (*taken[:position], *taken[position + 1 :])
    yield from _alone(record, medication, beside, rulebook)


def _pairwise(
    record: PatientRecord, medication: Medication, others: Sequence[Medication], rulebook: Rulebook
) -> Iterator[Finding]:
    """The rules on two medications."""
    yield from duplicate_findings(medication, others, rulebook.knowledge)
    yield from interaction_findings(record, medication, others, rulebook.interactions)


def _alone(
    record: PatientRecord, medication: Medication, others: Sequence[Medication], rulebook: Rulebook
) -> Iterator[Finding]:
    """The rules on one medication and this patient; the others may explain it."""
    yield from allergy_findings(record, medication, rulebook.knowledge)
    yield from organ_findings(record, medication, others, rulebook.organs)
    yield from pregnancy_findings(record, medication, others, rulebook.pregnancy)
    yield from older_adults.findings(record, medication, others, rulebook.older_adults)
    yield from cascades.findings(record, medication, others, rulebook.cascades)
    yield from courses.findings(record, medication, others, rulebook.courses)
