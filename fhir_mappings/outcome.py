"""OperationOutcome: how a refusal is told in FHIR."""

from typing import Any


def operation_outcome(severity: str, code: str, diagnostics: str) -> dict[str, Any]:
    """One issue as an R4 OperationOutcome.

    Args:
        severity: fatal, error, warning or information.
        code: an IssueType, for example "invalid", "not-found" or "transient".
        diagnostics: what was found, what is wanted and what to do.
    """
    issue = {"severity": severity, "code": code, "diagnostics": diagnostics}
    return {"resourceType": "OperationOutcome", "issue": [issue]}
