"""Events as CSV for spreadsheets (RFC 4180), one row each.

A cell that a spreadsheet would read as a formula gets an apostrophe in front (OWASP ASVS 5.0,
1.2.10); the same is done to a cell that begins with an apostrophe already, so that it is undone
without doubt.
"""

import csv
import io
from collections.abc import Callable, Mapping
from typing import Any

from cds_service.audit.exports.rows import Exported

ESCAPED = ("=", "+", "-", "@", "\t", "\r", "\n", "'", "\0")
Body = Mapping[str, Any]

COLUMNS: Mapping[str, Callable[[Body], object]] = {
    name: lambda body, name=name: body.get(name)
    for name in (
        "event_id", "recorded_at", "kind", "outcome", "status", "client", "user", "service_id",
        "hook", "hook_instance", "request_id", "patient", "card_count",
    )
} | {
    "suppressed": lambda body: len(body.get("suppressed", ())) if "suppressed" in body else None,
    "gaps": lambda body: sum(body["gap_counts"].values()) if "gap_counts" in body else None,
    "rules": lambda body: " ".join(sorted({row["rule"] for row in body.get("about", ())})),
    "model": lambda body: _model(body.get("model")),
    "total_ms": lambda body: body.get("stage_ms", {}).get("total"),
    "decision_event_id": lambda body: body.get("decision_event_id"),
    "card": lambda body: body.get("card"),
    "reason_code": lambda body: body.get("reason_code"),
    "page": lambda body: body.get("page"),
    "action": lambda body: body.get("action"),
    "subject": lambda body: body.get("subject"),
    "error": lambda body: body.get("code"),
}  # fmt: skip


class Spreadsheet:
    """Writes lines; the patient's own id in a last column when that is asked for."""

    def __init__(self, *, with_patients: bool) -> None:
        self._with_patients = with_patients
        self._line = io.StringIO()
        self._writer = csv.writer(self._line)  # lines end with CR LF

    def header(self) -> str:
        """The line of names."""
        return self._written([*COLUMNS, *(["patient_id"] if self._with_patients else [])])

    def row(self, event: Exported) -> str:
        """The line of an event."""
        cells = [cell(value(event.body)) for value in COLUMNS.values()]
        if self._with_patients:
            cells.append(cell(event.private.get("patient_id")))
        return self._written(cells)

    def _written(self, cells: list[str]) -> str:
        self._line.seek(0)
        self._line.truncate()
        self._writer.writerow(cells)
        return self._line.getvalue()


def cell(value: object) -> str:
    """What stands in a cell, and is no formula; "" for nothing. Numbers are left as they are."""
    if value is None:
        return ""
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(ESCAPED) else text


def _model(model: Body | None) -> str | None:
    return f"{model.get('name', '')} {model.get('version', '')}".strip() if model else None
