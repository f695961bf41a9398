"""Scores, findings and readings of notes as JSON, for the audit log and a population's file."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from fhir_mappings.record import Fact, Ingredient
from lamo.explanation import Moved
from lamo.notes.merge import ReadNote
from lamo.selection import CandidateScore
from medication_safety.findings import Finding


def score_row(score: CandidateScore) -> dict[str, Any]:
    """One candidate, its score and what it is measured by."""
    measures = (score.recommend_at, score.support_at, score.base_rate)
    return {
        "log_odds": round(score.log_odds, 4),
        "probability": round(score.probability, 4),
        **_measured_by(score.ingredient, *measures),
    }


@lru_cache(maxsize=8192)
def _measured_by(ingredient: Ingredient, *measures: float) -> Mapping[str, Any]:
    """What of a row is the same for every patient."""
    names = ("recommend_at", "support_at", "base_rate")
    rounded = {name: round(value, 4) for name, value in zip(names, measures, strict=True)}
    return {"rxcui": ingredient.rxcui, "label": ingredient.label} | rounded


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
