"""PatientRecord: the one value in the middle, which serving and training both fill.

Everything here is a frozen value object in plain clinical words. FHIR JSON stays at the edge
(``mapping.py``); prompts, scores and rules read these objects only.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

Sex = Literal["female", "male"]
Setting = Literal["inpatient", "icu", "outpatient"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Something that could not be read, fetched, mapped, scored or checked."""

    kind: str  # a short stable name, for example "medication-unresolved"
    where: str  # the prefetch key, resource reference or stage; never a patient's data
    meaning: str  # one plain sentence for a reader: what was not done because of it
    shown: bool = False  # True when it stops a check from being made: the cards say so


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing in the record that a card rests on."""

    text: str  # as the record words it
    reference: str | None = None  # "Condition/123"; None for age, sex or a note without an id
    dated: date | None = None
    quote: str | None = None  # of the note that tells it, where only a note does


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingredient:
    """One active ingredient of the formulary. Equal by RxNorm code."""

    rxcui: str  # RxNorm ingredient (TTY IN or PIN)
    label: str = field(compare=False)  # the name in prompts: DrugBank style for LAMO's 151


@dataclass(frozen=True, slots=True, kw_only=True)
class Medication:
    """A medication as the record or an order names it, with its ingredients."""

    display: str = field(compare=False)
    ingredients: tuple[Ingredient, ...] = ()  # empty: not resolved, and a gap says so
    reference: str | None = None  # "MedicationRequest/request-123"
    status: str | None = None  # FHIR's word: draft, active, completed, ...
    started: date | None = None
    ended: date | None = None
    directions: str | None = field(default=None, compare=False)  # "ophthalmic, as needed"

    @property
    def wording(self) -> str:
        """What the order says of its form and use, for rules that ask about a route."""
        return f"{self.display}, {self.directions}" if self.directions else self.display

    @property
    def fact(self) -> Fact:
        """The medication as something that a card can rest on."""
        return Fact(text=self.display, reference=self.reference, dated=self.started)


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """One diagnosis. `label` is the concise title that the prompt prints."""

    label: str
    display: str = field(compare=False)  # as the record words it
    codings: tuple[tuple[str, str], ...] = field(default=(), compare=False)  # (system, code)
    reference: str | None = field(default=None, compare=False)
    dated: date | None = field(default=None, compare=False)

    @property
    def fact(self) -> Fact:
        """The diagnosis as something that a card can rest on."""
        return Fact(text=self.display, reference=self.reference, dated=self.dated)


@dataclass(frozen=True, slots=True, kw_only=True)
class Procedure:
    """One procedure. `label` is the concise title that the prompt prints."""

    label: str
    display: str = field(compare=False)
    reference: str | None = field(default=None, compare=False)
    dated: date | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """The text of one clinical document."""

    text: str
    loinc: str | None = None  # the document's type
    written: datetime | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A clinical document as received, before its text is taken out of it."""

    data: bytes = field(repr=False)
    content_type: str  # with its parameters, as declared; empty when it was not
    loinc: str | None = None
    written: datetime | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Allergy:
    """One recorded allergy or intolerance to a substance."""

    display: str = field(compare=False)
    ingredients: tuple[Ingredient, ...] = ()  # empty: not a medication, or not resolved
    substance_class: str | None = None  # for example "penicillins", when a class is recorded
    is_intolerance: bool = False
    criticality: Literal["low", "high", "unable-to-assess"] | None = None
    reactions: tuple[str, ...] = ()
    worst: Literal["life-threatening", "severe"] | None = None  # of those reactions, where told
    reference: str | None = None
    quote: str | None = field(default=None, compare=False)  # of the note, where only a note tells
    dated: date | None = field(default=None, compare=False)  # of that note

    @property
    def fact(self) -> Fact:
        """The allergy as something that a card can rest on."""
        return Fact(
            text=f"allergy to {self.display}",
            reference=self.reference,
            dated=self.dated,
            quote=self.quote,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One observation, as reported; without a value, a rule that needed it says so."""

    loinc: str | None
    display: str
    value: float | None = None
    unit: str | None = None  # UCUM, as received
    coded: str | None = None  # the display of a coded value
    codes: tuple[str, ...] = ()  # of a coded value, as received
    taken_at: datetime | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hospitalization:
    """The previous stay: what LAMO's prompt says of it, and nothing else."""

    age: int | None
    sex: Sex | None
    diagnoses: tuple[Diagnosis, ...] = ()
    procedures: tuple[Procedure, ...] = ()
    medications: tuple[Medication, ...] = ()
    started: date | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientRecord:
    """What is known of one patient at the moment of the decision."""

    patient_id: str
    decided_at: datetime  # aware; the age and "recent" are measured from it
    age: int | None = None  # whole years at decided_at, 90 for all above (as LAMO's cohort)
    sex: Sex | None = None
    setting: Setting | None = None
    diagnoses: tuple[Diagnosis, ...] = ()  # active, in the order of the record
    past_diagnoses: tuple[Diagnosis, ...] = ()  # resolved, inactive or in remission
    procedures: tuple[Procedure, ...] = ()
    notes: tuple[Note, ...] = ()  # newest first; of training cohorts, whose notes are text
    documents: tuple[Document, ...] = ()  # newest first; what a hook call has instead
    allergies: tuple[Allergy, ...] = ()
    current: tuple[Medication, ...] = ()  # taken or ordered and active before this call
    ordered: tuple[Medication, ...] = ()  # the draft orders of this call
    told: tuple[Ingredient, ...] = ()  # that only a note lists at home: never suggested, no more
    previous: Hospitalization | None = None
    observations: tuple[Observation, ...] = ()

    def on_list(self) -> Iterator[Ingredient]:
        """Every ingredient that the patient takes or is being ordered."""
        for medication in (*self.current, *self.ordered):
            yield from medication.ingredients
