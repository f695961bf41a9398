"""What a rule found."""

from dataclasses import dataclass
from typing import Literal

from fhir_mappings.record import Fact, Medication

Severity = Literal["critical", "warning", "info"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One rule's objection to one medication for this patient."""

    rule: str  # "allergy", "duplicate-ingredient", "duplicate-class"
    severity: Severity
    medication: Medication  # the one objected to
    summary: str  # one plain sentence, hedged, without codes
    because: tuple[Fact, ...]  # what in the record it rests on
    source: str  # knowledge table and version, with "draft" where it is one
    not_if: str  # what would make it not apply
