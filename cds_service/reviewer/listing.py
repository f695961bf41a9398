"""What all lists of events do: read the form, search, go on where the last page ended."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from flask import request

from cds_service.audit.read_model.search import Page, Search
from cds_service.reviewer.asked import Concern, Filters, concern_of, query_of, rxcui_of
from cds_service.reviewer.pages import Look, desk, viewer
from cds_service.reviewer.roles import PATIENTS

NOTHING = Page(rows=(), older=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """What a list found, and what was asked."""

    page: Page
    typed: Mapping[str, str]
    problem: str | None  # why nothing was searched
    concern: Concern | None  # the patient that was asked for
    rxcui: str | None = None  # the medication that was asked for

    @property
    def look(self) -> Look:
        """What is recorded of it."""
        filters = {name: text for name, text in self.typed.items() if text}
        if self.rxcui is not None:
            filters["medication"] = self.rxcui  # what was typed may hold more than a name
        rows = len(self.page.rows) if self.problem is None else None
        if self.concern is None:
            return Look(filters=filters, rows=rows)
        return Look(
            filters=filters,
            rows=rows,
            patient_client=self.concern.whom.client,
            patient_id=self.concern.whom.patient_id,
            purpose=self.concern.purpose,
        )

    @property
    def values(self) -> dict[str, Any]:
        """For the templates."""
        return {
            "typed": self.typed,
            "query": query_of(self.typed),
            "problem": self.problem,
            "older": self.page.older,
            "is_first": "before" not in _form(),
            "concern": self.concern,
            "may_name_patients": not PATIENTS.isdisjoint(viewer().roles),
        }


def listed(filters: Filters, fixed: Mapping[str, str] | None = None) -> Listed:
    """Search for what the form of this request asks for.

    A patient is asked for by POST alone, so that no address ever names one.

    Args:
        filters: that the page has.
        fixed: filters that are not the form's to choose.
    """
    form, concern = _form(), None
    typed = filters.typed(form)
    try:
        search = filters.search({**typed, **(fixed or {})}, desk().formulary)
        if request.method == "POST":
            concern = concern_of(form)
        page = _found(search, concern, form.get("before"))
    except ValueError as problem:
        kept = filters.fitting(typed, desk().formulary)
        medication = kept.get("medication")
        rxcui = rxcui_of(medication, desk().formulary) if medication else None
        return Listed(page=NOTHING, typed=kept, problem=str(problem), concern=None, rxcui=rxcui)
    return Listed(page=page, typed=typed, problem=None, concern=concern, rxcui=search.rxcui)


def _found(search: Search, concern: Concern | None, before: str | None) -> Page:
    if concern is None:
        return desk().read_model.search(search, before)
    pid = desk().read_model.pid(concern.whom)
    if pid is None:
        return NOTHING
    return desk().read_model.search(replace(search, patient=pid), before)


def _form() -> Mapping[str, str]:
    return request.form if request.method == "POST" else request.args
