"""Small records for the rules, built from the shipped formulary."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from fhir_mappings.formulary import Formulary
from fhir_mappings.record import Allergy, Ingredient, Medication, PatientRecord
from medication_safety.knowledge import Knowledge

FORMULARY = Formulary.load()
KNOWLEDGE = Knowledge.load(FORMULARY)
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


def chart(**parts: Any) -> PatientRecord:
    """A record of the parts that a test speaks of."""
    return replace(EMPTY, **parts)
