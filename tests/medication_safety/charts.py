"""Small records for the rules, built from the shipped formulary."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from fhir_mappings.formulary import Formulary
from fhir_mappings.record import Allergy, Ingredient, Medication, PatientRecord
from medication_safety.check import check_medications
from medication_safety.findings import Finding
from medication_safety.rulebook import Rulebook

FORMULARY = Formulary.load()
RULEBOOK = Rulebook.load(FORMULARY)
KNOWLEDGE = RULEBOOK.knowledge
EMPTY = PatientRecord(patient_id="p1", decided_at=datetime(2026, 3, 2, 9, tzinfo=UTC))


def ingredient(label: str) -> Ingredient:
    return FORMULARY.by_label(label).ingredient


def taken(label: str, display: str | None = None, **more: Any) -> Medication:
    """An active medication; its reference is made from its words."""
    text = display or label
    known = {"reference": f"MedicationRequest/taken-{label.split()[0].lower()}", "status": "active"}
    return Medication(display=text, ingredients=(ingredient(label),), **(known | more))


def order(label: str, display: str | None = None, **more: Any) -> Medication:
    """A draft order."""
    known = {"reference": f"MedicationRequest/draft-{label.split()[0].lower()}", "status": "draft"}
    return taken(label, display, **(known | more))


def allergy(*labels: str, **more: Any) -> Allergy:
    """A recorded allergy to some ingredients, or to a class when there are none."""
    name = " / ".join(labels) or more.get("substance_class", "a substance")
    known: dict[str, Any] = {"display": name, "reference": "AllergyIntolerance/a1"}
    return Allergy(ingredients=tuple(map(ingredient, labels)), **(known | more))


def judged(
    record: PatientRecord, *rules: str, proposed: Sequence[Ingredient] = ()
) -> tuple[Finding, ...]:
    """What the rules of these names find; other rules may find more."""
    findings = check_medications(record, proposed, RULEBOOK)
    return tuple(one for one in findings if one.rule in rules)


def chart(**parts: Any) -> PatientRecord:
    """A record of the parts that a test speaks of."""
    return replace(EMPTY, **parts)
