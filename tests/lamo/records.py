"""Hand-made records for the tests of prompts, selection and decisions."""

from datetime import UTC, date, datetime

from fhir_mappings.formulary import Formulary
from fhir_mappings.record import Diagnosis, Hospitalization, Medication, PatientRecord, Procedure

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def diagnosis(label: str, dated: date | None = None) -> Diagnosis:
    return Diagnosis(label=label, display=label, dated=dated)


def procedure(label: str) -> Procedure:
    return Procedure(label=label, display=label)


def medication(formulary: Formulary, label: str, reference: str | None = None) -> Medication:
    entry = formulary.by_label(label)
    return Medication(display=label, ingredients=(entry.ingredient,), reference=reference)


def previous_stay(formulary: Formulary) -> Hospitalization:
    return Hospitalization(
        age=67,
        sex="female",
        diagnoses=(diagnosis("Heart failure"), diagnosis("Alzheimer's disease")),
        procedures=(procedure("Cardiac catheterization"),),
        medications=(medication(formulary, "Furosemide"), medication(formulary, "Metoprolol")),
        started=date(2025, 5, 1),
    )


def patient(**changes: object) -> PatientRecord:
    values: dict[str, object] = {
        "patient_id": "p1",
        "decided_at": NOW,
        "age": 68,
        "sex": "female",
        "diagnoses": (diagnosis("Type 2 diabetes mellitus"), diagnosis("Hypertension")),
        "procedures": (procedure("Colonoscopy"),),
    }
    return PatientRecord(**(values | changes))  # type: ignore[arg-type]
