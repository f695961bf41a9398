"""What stands together in a list that should not: interactions, duplicates, allergies.

Beside the rate of a system always stands the rate of the true prescriptions on the same visits:
a pair in a table is a reason to look, not an error in itself. Tables: draft, not reviewed by a
pharmacist.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

import torch
from torch import Tensor

from fhir_mappings.formulary import Formulary, UnknownIngredient
from fhir_mappings.record import Ingredient, PatientRecord
from lamo.training.evaluation.features import AnyVisit
from medication_safety.allergies import allergy_findings
from medication_safety.duplicates import shared_class
from medication_safety.knowledge import Knowledge
from medication_safety.wording import as_proposed

PAIRS = "ddi_onc_high_priority_pairs.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class SafetyTables:
    """What may not stand together, by column of the vocabulary, and per visit."""

    interacting: Tensor  # (candidates, candidates) bool, symmetric
    duplicate: Tensor  # (candidates, candidates) bool, symmetric
    conflicts: Tensor  # (visits, candidates) bool: an allergy speaks against it
    known: int  # candidates that the formulary has; the others match nothing


def safety_tables(
    labels: Sequence[str], visits: Sequence[AnyVisit], formulary: Formulary
) -> SafetyTables:
    """Line the knowledge tables up with a vocabulary and the visits of a split."""
    knowledge = Knowledge.load(formulary)
    ingredients = [_ingredient(label, formulary) for label in labels]
    return SafetyTables(
        interacting=_interacting(ingredients),
        duplicate=_duplicate(ingredients, knowledge),
        conflicts=_conflicts([visit.record for visit in visits], ingredients, knowledge),
        known=sum(one is not None for one in ingredients),
    )


def safety_metrics(chosen: Tensor, tables: SafetyTables) -> dict[str, float]:
    """Rates of what a list holds that it should not.

    `ddi_rate_visit_mean` is LAMO's: share of interacting pairs of a list, mean over visits, 0 for
    lists of one. `ddi_rate_pooled` is that of SafeDrug and PyHealth: over all pairs of all lists.

    Args:
        chosen: (visits, candidates) bool.
    """
    counts = chosen.sum(dim=1).double()
    pairs = counts * (counts - 1) / 2
    interacting = _pairs_in(chosen, tables.interacting)
    duplicates = _pairs_in(chosen, tables.duplicate)
    conflicts = (chosen & tables.conflicts).sum(dim=1).double()
    return {
        "ddi_rate_visit_mean": (interacting / pairs.clamp(min=1)).mean().item(),
        "ddi_rate_pooled": (interacting.sum() / pairs.sum().clamp(min=1)).item(),
        "duplicate_class_pairs_per_visit": duplicates.mean().item(),
        "duplicate_class_rate": (duplicates > 0).double().mean().item(),
        "allergy_conflicts_per_visit": conflicts.mean().item(),
        "allergy_conflict_rate": (conflicts > 0).double().mean().item(),
    }


def _pairs_in(chosen: Tensor, marked: Tensor) -> Tensor:
    """(visits,): how many marked pairs each list holds."""
    lists = chosen.double()
    return ((lists @ marked.double()) * lists).sum(dim=1) / 2


def _ingredient(label: str, formulary: Formulary) -> Ingredient | None:
    try:
        return formulary.by_label(label).ingredient
    except UnknownIngredient:
        return None


def _interacting(ingredients: Sequence[Ingredient | None]) -> Tensor:
    place = {one.rxcui: index for index, one in enumerate(ingredients) if one}
    table = torch.zeros(len(ingredients), len(ingredients), dtype=torch.bool)
    text = (files("lamo.training") / "data" / PAIRS).read_text(encoding="utf-8")
    for row in csv.DictReader(text.splitlines()):
        one, other = place.get(row["rxcui_a"]), place.get(row["rxcui_b"])
        if one is not None and other is not None and one != other:
            table[one, other] = table[other, one] = True
    return table


def _duplicate(ingredients: Sequence[Ingredient | None], knowledge: Knowledge) -> Tensor:
    table = torch.zeros(len(ingredients), len(ingredients), dtype=torch.bool)
    for one, first in enumerate(ingredients):
        for other, second in enumerate(ingredients[:one]):
            if first and second and shared_class(first, second, knowledge):
                table[one, other] = table[other, one] = True
    return table


def _conflicts(
    records: Sequence[PatientRecord],
    ingredients: Sequence[Ingredient | None],
    knowledge: Knowledge,
) -> Tensor:
    table = torch.zeros(len(records), len(ingredients), dtype=torch.bool)
    for row, record in enumerate(records):
        if record.allergies:
            table[row] = torch.tensor([_speaks(record, one, knowledge) for one in ingredients])
    return table


def _speaks(record: PatientRecord, ingredient: Ingredient | None, knowledge: Knowledge) -> bool:
    """Whether an allergy speaks against it more than as a remark."""
    if ingredient is None:
        return False
    findings = allergy_findings(record, as_proposed(ingredient), knowledge)
    return any(finding.severity != "info" for finding in findings)
