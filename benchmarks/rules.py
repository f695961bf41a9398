"""How long all rules take for one call, by the length of the list.

    python -m benchmarks.rules

Charts of random medications of the formulary (fixed seed), a third of them ordered, five suggested;
20 diagnoses and 104 laboratory values. Milliseconds of `check_medications`, one thread; and of two
steps that grow with the chart.
"""

import statistics
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import click

from fhir_mappings.formulary import Formulary
from fhir_mappings.record import Diagnosis, Ingredient, Medication, Observation, PatientRecord
from medication_safety.check import check_medications
from medication_safety.condition_groups import ConditionGroups
from medication_safety.rulebook import Rulebook

SEED = 20_261_125
NOW = datetime(2026, 11, 25, 9, tzinfo=UTC)
ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"
CODES = ("I50.9", "N18.4", "F03.90", "K25.9", "E11.9", "I10", "G20", "J44.9", "M54.5", "C34.90")
LABS = (("98979-8", "mL/min/{1.73_m2}", 40.0), ("2823-3", "mmol/L", 5.2), ("1742-6", "U/L", 90.0))
LIMIT_MS = 5.0  # at 30 medications
GROUPS_MS, TEXT_MS = 1.0, 0.2  # limits of the two steps
SUGGESTED = 5


def chart(length: int, rng: Random, formulary: Formulary) -> PatientRecord:
    """A patient with so many medications."""
    entries = rng.sample(list(formulary.entries), length)
    medications = [
        Medication(
            display=f"{entry.label} 10 MG Oral Tablet",
            ingredients=(Ingredient(rxcui=entry.rxcui, label=entry.label),),
            reference=f"MedicationRequest/{number}",
            status="draft" if number % 3 == 0 else "active",
            started=NOW.date() - timedelta(days=rng.randrange(400)),
        )
        for number, entry in enumerate(entries)
    ]
    return PatientRecord(
        patient_id="p1",
        decided_at=NOW,
        age=78,
        sex="female",
        ordered=tuple(one for one in medications if one.status == "draft"),
        current=tuple(one for one in medications if one.status == "active"),
        diagnoses=tuple(_diagnosis(number) for number in range(20)),
        observations=tuple(_labs()),
    )


def _diagnosis(number: int) -> Diagnosis:
    code = CODES[number % len(CODES)]
    return Diagnosis(
        label=code, display=code, codings=((ICD10, code),), reference=f"Condition/{number}"
    )


def _labs() -> Iterator[Observation]:
    for day in range(104 // len(LABS)):
        for loinc, unit, value in LABS:
            taken = NOW - timedelta(days=day)
            yield Observation(display=loinc, loinc=loinc, value=value, unit=unit, taken_at=taken)


@click.command()
@click.option("--charts", default=200, show_default=True, help="Of each length.")
def main(charts: int) -> None:
    """Print the table."""
    formulary = Formulary.load()
    rulebook, rng = Rulebook.load(formulary), Random(SEED)
    click.echo(
        f"{'medications':>12}{'p50':>9}{'p95':>9}{'most':>9}   limit {LIMIT_MS:.0f} ms at 30"
    )
    for length in (5, 10, 20, 30, 60):
        took = []
        for _ in range(charts):
            record = chart(length, rng, formulary)
            proposed = [one.ingredient for one in rng.sample(list(formulary.entries), SUGGESTED)]
            started = time.perf_counter()
            check_medications(replace(record), proposed, rulebook)
            took.append((time.perf_counter() - started) * 1000)
        cuts = statistics.quantiles(took, n=20)
        click.echo(f"{length:>12}{statistics.median(took):>9.2f}{cuts[-1]:>9.2f}{max(took):>9.2f}")
    click.echo(f"200 diagnoses put in groups: {groups_ms(charts):.3f} ms, limit {GROUPS_MS:g}")
    click.echo(f"a new text of an order resolved: {text_ms(formulary):.3f} ms, limit {TEXT_MS:g}")


def groups_ms(rounds: int) -> float:
    """Median of finding the groups of conditions that 200 diagnoses belong to."""
    groups, took = ConditionGroups.load(), []
    diagnoses = tuple(_diagnosis(number) for number in range(200))
    record = PatientRecord(patient_id="p1", decided_at=NOW, diagnoses=diagnoses)
    for _ in range(rounds):
        started = time.perf_counter()
        groups.groups_of(record)
        took.append((time.perf_counter() - started) * 1000)
    return statistics.median(took)


def text_ms(formulary: Formulary) -> float:
    """Mean of finding the ingredient of a text that was not seen before."""
    texts = [f"{one.label} {dose} MG Oral Tablet" for one in formulary.entries for dose in (7, 13)]
    started = time.perf_counter()
    for text in texts:
        formulary.resolve([], text)
    return (time.perf_counter() - started) / len(texts) * 1000


if __name__ == "__main__":
    main()
