"""Calls that together have a card of every kind, their findings made by the rules."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

from cds_service.cards.build import CardMaterial
from cds_service.cards.policy import load_policy
from fhir_mappings.record import Medication, PatientRecord
from lamo.explanation import Explanation, Moved
from lamo.selection import Choice, Regimen, Unsupported
from medication_safety.check import check_medications
from tests.cds_service.card_material import (
    DIABETES,
    GLARGINE,
    HARMLESS,
    METFORMIN,
    RECORD,
    UNKNOWN_DRUG,
    material,
    score,
)
from tests.medication_safety.charts import RULEBOOK, allergy, order, taken
from tests.medication_safety.charts_labs import (
    TODAY,
    coded,
    diagnosis,
    egfr,
    lab,
    potassium,
)

LONG = Regimen(listed=14, expected=7.8, upper=11.2)
EACH = load_policy().model_copy(update={"most_cards": 20})  # every finding for itself
ALT = "1742-6"


def every_set() -> Iterator[CardMaterial]:
    """All of them, in the order of the gallery."""
    yield full_set()
    yield safety_set()
    yield expecting_set()
    yield opening_set()
    yield quiet_set()


def full_set() -> CardMaterial:
    """Signing: what the model and the first rules say, a suggestion, and something unknown."""
    orders = (
        order("Lisinopril", "Lisinopril 10 MG Oral Tablet"),
        order("Atorvastatin", "Atorvastatin 20 MG Oral Tablet"),
        order("Levothyroxine"),
        order("Insulin glargine"),
    )
    swollen = allergy("Lisinopril", criticality="high", reactions=("Angioedema",))
    current = (taken("Levothyroxine"), taken("Simvastatin"))
    record = replace(RECORD, ordered=orders, current=current, allergies=(swollen,))
    low = Unsupported(medication=orders[3], score=score(GLARGINE, -2.5))
    return _call(
        record,
        choice=Choice(proposed=(score(METFORMIN, 2.2),), unsupported=(low,), regimen=LONG),
        explanation=Explanation(moved=tuple(_moved())),
        gaps=(UNKNOWN_DRUG, HARMLESS),
        supports={METFORMIN.rxcui: (DIABETES.fact,)},
        public_url="https://cds.example.org/about",
    )


def safety_set() -> CardMaterial:
    """Signing: interactions, age, kidney, liver and potassium, a cascade."""
    failing = diagnosis("Heart failure", icd10="I50.9")
    return _call(
        replace(
            RECORD,
            age=75,
            diagnoses=(failing,),
            observations=(egfr(24), potassium(5.8), lab(ALT, 700, "U/L")),
            current=(taken("Simvastatin"), taken("Lisinopril", started=_ago(90))),
            ordered=(
                order("Clarithromycin", "Clarithromycin 500 MG Oral Tablet"),
                order("Naproxen", "Naproxen 250 MG Oral Tablet"),
                order("Metformin"),
                order("Spironolactone"),
                order("Valproic acid"),
                order("Benzonatate"),
            ),
        )
    )


def expecting_set() -> CardMaterial:
    """Signing: in a pregnancy, and breastfeeding the child before."""
    return _call(
        replace(
            RECORD,
            age=31,
            diagnoses=(diagnosis("Breastfeeding mother", 90, "Z39.1"),),
            observations=(coded("82810-3", "Pregnant", display="Pregnancy status"),),
            ordered=(order("Lisinopril"), order("Codeine")),
        )
    )


def opening_set() -> CardMaterial:
    """Opening a chart: what is taken already and might be reviewed."""
    current = (
        taken("Omeprazole", "Omeprazole 20 MG Oral Capsule", started=_ago(200)),
        taken("Lorazepam", "Lorazepam 1 MG Oral Tablet", started=_ago(120)),
        taken("Simvastatin"),
        taken("Atorvastatin"),
        taken("Insulin glargine"),
    )
    record = replace(RECORD, diagnoses=(), current=current)
    doubtful = Unsupported(medication=current[4], score=score(GLARGINE, -3.2))
    return _call(
        record,
        hook="patient-view",
        choice=Choice(doubtful=(doubtful,)),
        originals={one.reference: _request(one) for one in current if one.reference},
    )


def quiet_set() -> CardMaterial:
    """Signing with the shipped policy: what is no reason to interrupt, in one card."""
    record = replace(
        RECORD,
        age=80,
        current=(taken("Lisinopril", started=_ago(90)),),
        ordered=(order("Diphenhydramine"), order("Benzonatate")),
    )
    return replace(_call(record), policy=load_policy())


def _call(record: PatientRecord, **changes: Any) -> CardMaterial:
    proposed = [one.ingredient for one in changes.get("choice", Choice()).proposed]
    findings = check_medications(record, proposed, RULEBOOK)
    return material(record=record, findings=findings, policy=EACH, **changes)


def _moved() -> Iterator[Moved]:
    diabetes, levothyroxine = DIABETES.fact, taken("Levothyroxine").fact
    for fact, section, delta in (
        (diabetes, "diagnoses", 2.1),
        (levothyroxine, "medications on admission", -1.4),
    ):
        yield Moved(fact=fact, section=section, named=fact.text, label=GLARGINE.label, delta=delta)


def _request(medication: Medication) -> dict[str, Any]:
    return {
        "resourceType": "MedicationRequest",
        "id": (medication.reference or "").rpartition("/")[2],
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": {"text": medication.display},
        "subject": {"reference": "Patient/p1"},
    }


def _ago(days: int) -> Any:
    return TODAY - timedelta(days=days)
