"""OperationOutcome: how a refusal is told in FHIR."""

from collections.abc import Sequence
from typing import Any


def operation_outcome(
    severity: str,
    code: str,
    diagnostics: str,
    expression: Sequence[str] = (),
    outcome_id: str | None = None,
) -> dict[str, Any]:
    """One issue as an R4 OperationOutcome.

    Args:
        severity: fatal, error, warning or information.
        code: an IssueType, for example "invalid", "not-found" or "transient".
        diagnostics: what was found, what is wanted and what to do.
        expression: the elements at fault, as simple FHIRPath: "context.patientId".
        outcome_id: a FHIR id that tells this outcome from others.
    """
    issue: dict[str, Any] = {"severity": severity, "code": code, "diagnostics": diagnostics}
    if expression:
        issue["expression"] = list(expression)
    named = {"id": outcome_id} if outcome_id else {}
    return {"resourceType": "OperationOutcome", **named, "issue": [issue]}
