"""Laboratory values, conditions and pregnancies for the charts of the rules."""

from datetime import date, timedelta
from typing import Any

from fhir_mappings.record import Diagnosis, Medication, Observation
from tests.medication_safety.charts import EMPTY, FORMULARY

TODAY = EMPTY.decided_at.date()
ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"


def lab(
    loinc: str, value: float | None, unit: str | None, age: int = 5, **more: Any
) -> Observation:
    """A value that was taken some days before the decision."""
    known: dict[str, Any] = {
        "display": loinc,
        "taken_at": EMPTY.decided_at - timedelta(days=age),
        "reference": f"Observation/{loinc}",
    }
    return Observation(loinc=loinc, value=value, unit=unit, **(known | more))


def egfr(value: float, unit: str = "mL/min/{1.73_m2}", **more: Any) -> Observation:
    return lab("98979-8", value, unit, **more)


def potassium(value: float, unit: str = "mmol/L", **more: Any) -> Observation:
    return lab("2823-3", value, unit, **more)


def coded(loinc: str, words: str, age: int = 5, **more: Any) -> Observation:
    """An observation whose value is in words, or a date."""
    return lab(loinc, None, None, age, coded=words, **more)


def due_in(days: int, age: int = 30) -> Observation:
    """An estimated date of delivery so many days after the decision."""
    return coded("11778-8", (TODAY + timedelta(days=days)).isoformat(), age)


def diagnosis(display: str, age: int | None = 30, icd10: str | None = None) -> Diagnosis:
    """A condition that began some days before the decision, or without a date."""
    return Diagnosis(
        label=display,
        display=display,
        codings=((ICD10, icd10),) if icd10 else (),
        reference="Condition/c1",
        dated=day(-age) if age is not None else None,
    )


def day(offset: int) -> date:
    """The day so many days after the decision."""
    return TODAY + timedelta(days=offset)


def product(*labels: str, **more: Any) -> Medication:
    """A draft order of a combination product."""
    known = {"display": " / ".join(labels), "reference": "MedicationRequest/draft-product"}
    ingredients = tuple(FORMULARY.by_label(label).ingredient for label in labels)
    return Medication(ingredients=ingredients, status="draft", **(known | more))


def known_codes() -> frozenset[str]:
    """The codes of the formulary."""
    return frozenset(entry.rxcui for entry in FORMULARY.entries)
