"""All rules over one record: what is ordered, what is taken, what we would suggest."""

from collections.abc import Sequence

from fhir_mappings.record import Ingredient, Medication, PatientRecord
from medication_safety.allergies import allergy_findings
from medication_safety.duplicates import duplicate_findings, still_taken
from medication_safety.findings import Finding
from medication_safety.knowledge import Knowledge
from medication_safety.wording import as_proposed


def check_medications(
    record: PatientRecord, proposed: Sequence[Ingredient], knowledge: Knowledge
) -> tuple[Finding, ...]:
    """Judge every order and every suggestion of this call against the record.

    1. Each order: the allergies, then what is taken and the orders before it.
    2. Each suggestion, best first: the same, and the suggestions before it that were not
       objected to. Its finding has a medication of status "proposed", so that it is withheld.

    Two medications that are both already taken are not judged here. Medications without
    ingredients match nothing: the mapping reports them as gaps.
    """
    taken = still_taken(record.current, record.decided_at.date())
    return (
        *_order_findings(record, taken, knowledge),
        *_proposal_findings(record, proposed, taken, knowledge),
    )


def is_on_proposal(finding: Finding) -> bool:
    """Whether a finding objects to one of our own suggestions: it is withheld, not shown."""
    return finding.medication.status == "proposed"


def _order_findings(
    record: PatientRecord, taken: tuple[Medication, ...], knowledge: Knowledge
) -> list[Finding]:
    return [
        finding
        for position, order in enumerate(record.ordered)
        for finding in _judged(record, order, (*taken, *record.ordered[:position]), knowledge)
    ]


def _proposal_findings(
    record: PatientRecord,
    proposed: Sequence[Ingredient],
    taken: tuple[Medication, ...],
    knowledge: Knowledge,
) -> list[Finding]:
    findings: list[Finding] = []
    accepted: list[Medication] = []
    for ingredient in proposed:
        medication = as_proposed(ingredient)
        found = _judged(record, medication, (*taken, *record.ordered, *accepted), knowledge)
        findings.extend(found)
        if not found:
            accepted.append(medication)
    return findings


def _judged(
    record: PatientRecord,
    medication: Medication,
    others: Sequence[Medication],
    knowledge: Knowledge,
) -> tuple[Finding, ...]:
    return (
        *allergy_findings(record, medication, knowledge),
        *duplicate_findings(medication, others, knowledge),
    )
