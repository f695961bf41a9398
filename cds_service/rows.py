"""Scores, findings and readings of notes as JSON, for the audit log and a population's file."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from cds_service.audit.entries import Table
from fhir_mappings.record import Fact, Ingredient, PatientRecord
from lamo.explanation import Moved
from lamo.notes.merge import ReadNote
from lamo.selection import CandidateScore, Choice
from medication_safety.findings import Finding

SCORE_COLUMNS = (
    "log_odds",
    "probability",
    "rxcui",
    "label",
    "recommend_at",
    "support_at",
    "base_rate",
)


def score_table(scores: Sequence[CandidateScore]) -> Table:
    """Every candidate, its score and what it is measured by."""
    return Table(columns=SCORE_COLUMNS, rows=[_score(score) for score in scores])


def score_row(score: CandidateScore) -> dict[str, Any]:
    """One candidate of such a table."""
    return dict(zip(SCORE_COLUMNS, _score(score), strict=True))


def _score(score: CandidateScore) -> tuple[Any, ...]:
    measures = (score.recommend_at, score.support_at, score.base_rate)
    odds = round(score.log_odds, 4), round(score.probability, 4)
    return odds + _measured_by(score.ingredient, *measures)


@lru_cache(maxsize=8192)
def _measured_by(ingredient: Ingredient, *measures: float) -> tuple[Any, ...]:
    """What of a row is the same for every patient."""
    return ingredient.rxcui, ingredient.label, *(round(value, 4) for value in measures)


def chosen_row(record: PatientRecord, choice: Choice) -> dict[str, list[str]]:
    """RxNorm codes: what is ordered and taken, and what the scores led to, before any card."""
    return {
        "ordered": _codes(one for order in record.ordered for one in order.ingredients),
        "current": _codes(one for order in record.current for one in order.ingredients),
        "proposed": _codes(score.ingredient for score in choice.proposed),
        "unsupported": _codes(one.score.ingredient for one in choice.unsupported),
    }


def _codes(ingredients: Iterable[Ingredient]) -> list[str]:
    return list(dict.fromkeys(ingredient.rxcui for ingredient in ingredients))


def finding_row(finding: Finding) -> dict[str, Any]:
    """One finding: the rule, what it is about, what it rests on."""
    return {
        "rule": finding.rule,
        "severity": finding.severity,
        "medication": finding.medication.reference or finding.medication.status,
        "rxcuis": [ingredient.rxcui for ingredient in finding.medication.ingredients],
        "summary": finding.summary,
        "because": [fact.reference for fact in finding.because],
        "source": finding.source,
    }


def moved_row(moved: Moved) -> dict[str, Any]:
    """How far one fact moved one candidate: where it stands, none of its words."""
    return {
        "label": moved.label,
        "section": moved.section,
        "fact": moved.fact.reference if isinstance(moved.fact, Fact) else None,
        "delta": round(moved.delta, 3),
    }


def note_row(note: ReadNote) -> dict[str, Any]:
    """One note that was read: which, by whom, and how much was found; none of its words."""
    return {
        "document": note.reference,
        "sha256": note.document_sha256,
        "reader": note.reader,
        "allergies": len(note.sections.allergies),
        "medications_on_admission": len(note.sections.medications_on_admission),
        "dropped": note.sections.dropped,
    }
