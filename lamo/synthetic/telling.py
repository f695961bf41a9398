"""From what is true of a visit to what its record shows: codes, lists, and sometimes a note."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from fhir_mappings.concepts import ICD10, SNOMED, Concept, ConceptTable
from fhir_mappings.formulary import Formulary
from fhir_mappings.record import (
    Diagnosis,
    Hospitalization,
    Medication,
    Note,
    PatientRecord,
    Procedure,
    Setting,
)
from lamo.synthetic.allergies import KnownAllergy
from lamo.synthetic.notes import NoteWriter, Story
from lamo.synthetic.population import Person
from lamo.synthetic.prescribing import Prescribing
from lamo.synthetic.tables import cells, read_table

OLDEST = 90  # the record's cap
_NOTED = 0.65  # share of visits with a note
_ONLY_IN_NOTE = 0.12  # share of those with a chronic condition that only the note tells
_LOINC = ("18842-5", "34117-2")  # discharge summary, history and physical


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """Everything that is true of one visit. Medications are regimens."""

    patient: int
    now: datetime
    person: Person
    setting: Setting
    chronic: tuple[str, ...]
    acute: tuple[str, ...]
    procedures: tuple[str, ...]
    allergies: tuple[KnownAllergy, ...]
    home: tuple[str, ...]
    prescribed: tuple[str, ...]
    previous: Hospitalization | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Places:
    """Where each part of the truth is told; every part is told somewhere."""

    coded: bool  # home medications stand in the list
    noted: bool  # and in the note
    allergies_coded: bool
    allergies_noted: bool
    hidden: str | None  # the chronic condition that only the note tells


class Telling:
    """Makes records of truths."""

    def __init__(self, prescribing: Prescribing) -> None:
        formulary = Formulary.load()
        self._writer = NoteWriter()
        self._weighty = {row["given"] for row in read_table("effects")}
        self._concepts = {c.label: c for c in ConceptTable.load("conditions").concepts}
        self._parts = {
            name: tuple(formulary.by_label(label).ingredient for label in labels)
            for name, labels in prescribing.ingredients.items()
        }
        self._strengths = {r["regimen"]: cells(r["strengths"]) for r in read_table("strengths")}

    def record(self, truth: Truth, rng: Random) -> PatientRecord:
        """The record before the visit; what was prescribed can stand in the note alone."""
        has_note = rng.random() < _NOTED
        places = _places(truth, self._weighty, rng) if has_note else _all_coded()
        labels = [label for label in (*truth.acute, *truth.chronic) if label != places.hidden]
        return PatientRecord(
            patient_id=f"synthetic-{truth.patient}",
            decided_at=truth.now,
            age=min(truth.person.age, OLDEST),
            sex=truth.person.sex,
            setting=truth.setting,
            diagnoses=tuple(self._diagnosis(label, rng) for label in dict.fromkeys(labels)),
            procedures=tuple(Procedure(label=label, display=label) for label in truth.procedures),
            notes=(self._note(truth, places, rng),) if has_note else (),
            allergies=tuple(a.coded for a in truth.allergies) if places.allergies_coded else (),
            current=self._current(truth, rng) if places.coded else (),
            previous=truth.previous,
        )

    def hospitalization(self, truth: Truth) -> Hospitalization:
        """The stay as the next visit's record knows it."""
        labels = dict.fromkeys((*truth.acute, *truth.chronic))
        return Hospitalization(
            age=min(truth.person.age, OLDEST),
            sex=truth.person.sex,
            diagnoses=tuple(Diagnosis(label=label, display=label) for label in labels),
            procedures=tuple(Procedure(label=label, display=label) for label in truth.procedures),
            medications=tuple(
                Medication(display=name, ingredients=self._parts[name], status="completed")
                for name in truth.prescribed
            ),
            started=truth.now.date(),
        )

    def _current(self, truth: Truth, rng: Random) -> tuple[Medication, ...]:
        return tuple(
            Medication(
                display=" ".join(
                    [name, *rng.sample(self._strengths.get(name) or ("",), 1)]
                ).strip(),
                ingredients=self._parts[name],
                status="active",
                started=(truth.now - timedelta(days=rng.randrange(20, 1500))).date(),
            )
            for name in truth.home
        )

    def _diagnosis(self, label: str, rng: Random) -> Diagnosis:
        concept = self._concepts[label]
        display = rng.choice(concept.names) if concept.names and rng.random() < 0.2 else label
        return Diagnosis(label=label, display=display, codings=_codings(concept, rng))

    def _note(self, truth: Truth, places: _Places, rng: Random) -> Note:
        history = rng.sample(truth.chronic, len(truth.chronic))
        story = Story(
            age=min(truth.person.age, OLDEST),
            sex=truth.person.sex,
            setting=truth.setting,
            reasons=truth.acute,
            history=history if places.hidden or rng.random() < 0.93 else None,
            allergies=_worded(truth.allergies, rng) if places.allergies_noted else None,
            home=rng.sample(truth.home, len(truth.home)) if places.noted else None,
            discharge=rng.sample(truth.prescribed, len(truth.prescribed)),
        )
        text = self._writer.write(story, rng)
        return Note(text=text, loinc=rng.choice(_LOINC), written=truth.now)


def _places(truth: Truth, weighty: Set[str], rng: Random) -> _Places:
    hideable = [label for label in truth.chronic if label in weighty]
    hides = hideable and rng.random() < _ONLY_IN_NOTE
    where = rng.choices(("both", "note", "list"), (0.5, 0.3, 0.2))[0]
    where_allergies = rng.choices(("both", "note", "list"), (0.65, 0.2, 0.15))[0]
    return _Places(
        coded=where != "note",
        noted=where != "list",
        allergies_coded=where_allergies != "note",
        allergies_noted=where_allergies != "list",
        hidden=rng.choice(hideable) if hides else None,
    )


def _all_coded() -> _Places:
    return _Places(
        coded=True, noted=False, allergies_coded=True, allergies_noted=False, hidden=None
    )


def _worded(allergies: Sequence[KnownAllergy], rng: Random) -> list[str]:
    return [rng.choice(allergy.words) for allergy in allergies]


def _codings(concept: Concept, rng: Random) -> tuple[tuple[str, str], ...]:
    code = rng.choice(concept.icd10)
    icd10 = (ICD10, code if len(code) < 4 else f"{code[:3]}.{code[3:]}")
    if concept.snomed and rng.random() < 0.35:
        return ((SNOMED, rng.choice(concept.snomed)),)
    return (icd10,)
