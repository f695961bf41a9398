"""Material for card tests: one patient, one call, changed by what a test is about."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import count
from typing import Any
from uuid import UUID

from cds_service.cards.build import CardMaterial
from fhir_mappings.record import Diagnosis, Fact, Gap, Ingredient, Medication, PatientRecord
from lamo.selection import CandidateScore, Choice, Unsupported
from medication_safety.findings import Finding, Severity

METFORMIN = Ingredient(rxcui="6809", label="Metformin")
LISINOPRIL = Ingredient(rxcui="29046", label="Lisinopril")
GLARGINE = Ingredient(rxcui="274783", label="Insulin glargine")

DIABETES = Diagnosis(
    label="Type 2 diabetes mellitus",
    display="Type 2 diabetes mellitus (disorder)",
    codings=(("http://snomed.info/sct", "44054006"),),
    reference="Condition/c1",
    dated=date(2019, 4, 1),
)
RECORD = PatientRecord(
    patient_id="p1",
    decided_at=datetime(2026, 3, 2, 9, 30, tzinfo=UTC),
    age=68,
    sex="female",
    diagnoses=(DIABETES,),
)
LATE_MODEL = Gap(
    kind="not-scored",
    where="model",
    meaning="The model could not score this patient in time: the orders were not judged.",
    shown=True,
)
UNKNOWN_DRUG = Gap(
    kind="medication-unresolved",
    where="MedicationRequest/m4",
    meaning="an active medication is not in the formulary: it was not checked",
    shown=True,
)
HARMLESS = Gap(kind="condition-refuted", where="Condition/c9", meaning="a refuted condition")


def counting() -> Callable[[], str]:
    """Makes real UUIDs, the same ones in every run."""
    numbers = count(1)
    return lambda: str(UUID(int=next(numbers), version=4))


def material(**changes: Any) -> CardMaterial:
    """An order-sign call about which there is nothing to say."""
    quiet = CardMaterial(
        record=RECORD,
        choice=Choice(),
        findings=(),
        gaps=(),
        supports={},
        hook="order-sign",
        user_id="Practitioner/dr1",
        encounter_id="e1",
        model_name="LAMO demonstration model 2026.11",
        is_demonstration=True,
        knowledge_version="draft 0123456789ab",
        public_url=None,
        event_id="01990000-0000-7000-8000-000000000001",
        new_uuid=counting(),
    )
    return replace(quiet, **changes)


def draft(ingredient: Ingredient, **more: Any) -> Medication:
    """A draft order of one ingredient."""
    known = {"display": ingredient.label, "reference": "MedicationRequest/d1", "status": "draft"}
    return Medication(ingredients=(ingredient,), **(known | more))


def score(ingredient: Ingredient, log_odds: float = 0.0, **more: Any) -> CandidateScore:
    """A score beside thresholds of 1 to recommend and -1 to support."""
    known = {"probability": 0.5, "recommend_at": 1.0, "support_at": -1.0, "base_rate": 0.12}
    return CandidateScore(ingredient=ingredient, log_odds=log_odds, **(known | more))


def unsupported(medication: Medication, log_odds: float = -2.5) -> CardMaterial:
    """A call in which the model does not support one order."""
    low = Unsupported(medication=medication, score=score(medication.ingredients[0], log_odds))
    record = replace(RECORD, ordered=(medication,))
    return material(record=record, choice=Choice(unsupported=(low,)))


def finding(medication: Medication, rule: str, severity: Severity) -> Finding:
    """What a rule says of one order."""
    return Finding(
        rule=rule,
        severity=severity,
        medication=medication,
        summary=f"Consider an alternative to {medication.display}: {rule}",
        because=(Fact(text="allergy to Lisinopril", reference="AllergyIntolerance/a1"),),
        source="Allergy table (draft, not reviewed by a pharmacist), version draft 0123456789ab",
        not_if="it was tolerated since",
    )


def suggesting(*scores: CandidateScore, **changes: Any) -> CardMaterial:
    """A call in which the model proposes medications that the diabetes indicates."""
    supports = {one.ingredient.rxcui: (DIABETES.fact,) for one in scores}
    return material(choice=Choice(proposed=scores), supports=supports, **changes)
