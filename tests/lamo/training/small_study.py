"""A cohort small enough to reason about, and scores made from its own rules."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from random import Random
from typing import Any

import torch

from fhir_mappings.formulary import Formulary
from fhir_mappings.record import Hospitalization, Note, PatientRecord
from lamo.notes.digest import NoteTools
from lamo.notes.rules import rule_tools
from lamo.training.evaluation.features import prescribed_of
from lamo.training.evaluation.study import Study
from lamo.training.scored import Scored
from tests.lamo.records import diagnosis, medication, patient

# what is given for each diagnosis; Omeprazole is given when the note says so, and only then
GIVEN = {
    "Type 2 diabetes mellitus": "Metformin",
    "Hypertension": "Lisinopril",
    "Hypothyroidism": "Levothyroxine",
    "Asthma": "Salbutamol",
}
LABELS = (*GIVEN.values(), "Omeprazole", "Warfarin")
HEARTBURN = "History of Present Illness: severe heartburn after meals.\n"
WELL = "History of Present Illness: feels well today.\n"


@dataclass(frozen=True)
class SmallVisit:
    """The least that evaluation needs of a visit."""

    record: PatientRecord
    prescribed: frozenset[str]
    truth: tuple[float, ...]


@cache
def note_tools() -> NoteTools:
    return rule_tools(Formulary.load())


def small_visits(count: int, seed: int) -> list[SmallVisit]:
    rng = Random(seed)
    return [_visit(f"{seed}/{number // 2}", rng) for number in range(count)]


def _visit(patient_id: str, rng: Random) -> SmallVisit:
    found = [label for label in GIVEN if rng.random() < 0.5]
    heartburn = rng.random() < 0.5
    truth = tuple(0.9 if label in found else 0.1 for label in GIVEN)
    truth = (*truth, 0.9 if heartburn else 0.1, 0.05)
    given = frozenset(
        label for label, chance in zip(LABELS, truth, strict=True) if rng.random() < chance
    )
    previous = Hospitalization(
        age=60, sex="male", medications=(medication(note_tools().formulary, "Metformin"),)
    )
    record = patient(
        patient_id=patient_id,
        age=rng.choice([30, 50, 70, 85]),
        sex=rng.choice(["female", "male"]),
        setting="inpatient",
        diagnoses=tuple(diagnosis(label) for label in found),
        procedures=(),
        notes=(Note(text=HEARTBURN if heartburn else WELL),),
        current=(medication(note_tools().formulary, "Warfarin"),),
        previous=previous if rng.random() < 0.5 else None,
    )
    return SmallVisit(record=record, prescribed=given, truth=truth)


def scored(visits: Sequence[SmallVisit], noise: float = 0.0) -> Scored:
    """Scores as far from the truth as the noise says."""
    truth = torch.tensor([visit.truth for visit in visits])
    generator = torch.Generator().manual_seed(len(visits))
    log_odds = truth.logit() + noise * torch.randn(truth.shape, generator=generator)
    return Scored(
        labels=LABELS,
        log_odds=log_odds,
        prescribed=prescribed_of(visits, LABELS),
        truth=truth,
        patients=tuple(visit.record.patient_id for visit in visits),
        facts=[{} for _ in visits],
    )


def small_study(noise: float = 0.3, **changes: Any) -> Study:
    train, validation, test = (small_visits(n, seed) for n, seed in ((400, 1), (200, 2), (300, 3)))
    study = Study(
        split="held-out invented patients",
        command="lamo-cds train evaluate",
        seed=5,
        train=train,
        validation_visits=validation,
        test_visits=test,
        validation=scored(validation, noise),
        test=scored(test, noise),
        notes=note_tools(),
        resamples=200,
    )
    return replace(study, **changes)
