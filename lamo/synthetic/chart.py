"""A visit as its prescriber sees it: what is on record, taken, ordered and ruled out."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from random import Random

from fhir_mappings.concepts import ConceptTable
from fhir_mappings.formulary import Formulary
from fhir_mappings.indications import Indications
from fhir_mappings.record import Ingredient, Medication, PatientRecord
from lamo.synthetic.prescribing import Prescribing
from lamo.synthetic.tables import cells, read_table
from lamo.visits import Visit
from medication_safety.duplicates import shared_class
from medication_safety.knowledge import Knowledge


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """One visit with its real orders, and what an injection asks about it."""

    visit: Visit
    record: PatientRecord  # with the visit's own prescriptions as drafts
    reasons: frozenset[str]  # conditions and procedures anywhere on record, the note included

    @property
    def listed(self) -> tuple[Medication, ...]:
        """Everything that is taken or ordered."""
        return (*self.record.current, *self.record.ordered)

    @property
    def rxcuis(self) -> frozenset[str]:
        """The ingredients of the list, by RxNorm."""
        return frozenset(ingredient.rxcui for ingredient in self.record.on_list())

    def is_ruled_out(self, label: str) -> bool:
        """Whether an allergy or a contraindication of the patient forbids it."""
        return self.visit.probabilities.get(label) == 0


class Pharmacy:
    """Names products, and knows what they are given for and what they repeat."""

    def __init__(self) -> None:
        self.formulary = Formulary.load()
        self.knowledge = Knowledge.load(self.formulary)
        self._indications = Indications.load()
        self._concepts = ConceptTable.load("conditions").concepts
        self._strengths = {r["regimen"]: cells(r["strengths"]) for r in read_table("strengths")}
        regimens = Prescribing().ingredients
        self._combined = {name: parts for name, parts in regimens.items() if len(parts) > 1}

    def open_chart(self, visit: Visit, rng: Random) -> Chart:
        """The visit with what was prescribed and is not taken at home as draft orders."""
        taken = {part.label for one in visit.record.current for part in one.ingredients}
        names = list(self._products(visit.prescribed - taken))
        rng.shuffle(names)
        record = visit.record
        for name in names:
            record = with_order(record, self.product(name, rng))
        return Chart(visit=visit, record=record, reasons=self._reasons(record))

    def product(self, name: str, rng: Random) -> Medication:
        """A regimen or a label with one of its usual strengths."""
        labels = self._combined.get(name, (name,))
        strength = rng.choice(self._strengths.get(name) or ("",))
        return Medication(
            display=f"{name} {strength}".strip(),
            ingredients=tuple(self.formulary.by_label(label).ingredient for label in labels),
        )

    def indicated(self, label: str) -> frozenset[str]:
        """What it is given for."""
        return frozenset(self._indications.for_label(label))

    def repeats(self, ingredient: Ingredient, medications: Iterable[Medication]) -> bool:
        """Whether the ingredient, or another of its class, is among the medications."""
        return any(
            part == ingredient or shared_class(part, ingredient, self.knowledge)
            for medication in medications
            for part in medication.ingredients
        )

    def _products(self, labels: frozenset[str]) -> Iterator[str]:
        left = set(labels)
        for name, parts in self._combined.items():
            if left.issuperset(parts):
                left -= set(parts)
                yield name
        yield from sorted(left)

    def _reasons(self, record: PatientRecord) -> frozenset[str]:
        before = record.previous
        labels = [one.label for one in (*record.diagnoses, *record.past_diagnoses)]
        labels += [one.label for one in record.procedures]
        if before is not None:
            labels += [one.label for one in before.diagnoses]
            labels += [one.label for one in before.procedures]
        text = "\n".join(note.text for note in record.notes)
        told = (one.label for one in self._concepts if _is_told((one.label, *one.names), text))
        return frozenset(labels) | frozenset(told if text else ())


def with_order(record: PatientRecord, medication: Medication) -> PatientRecord:
    """The record with one more draft order, which has the next number."""
    number = len(record.ordered) + 1
    day = record.decided_at.date()
    draft = replace(
        medication,
        reference=f"MedicationRequest/{record.patient_id}-{day:%Y%m%d}-draft-{number}",
        status="draft",
        started=day,
    )
    return replace(record, ordered=(*record.ordered, draft))


def _is_told(names: tuple[str, ...], text: str) -> bool:
    return any(_word(name).search(text) for name in names)


@cache
def _word(name: str) -> re.Pattern[str]:
    return re.compile(rf"\b{re.escape(name)}\b", re.IGNORECASE)
