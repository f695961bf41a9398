"""Procedure: what was done in the current encounter or lately, and in the previous stay.

LAMO's prompt lists the procedures of the visit. Outside a hospital the visit is short, so
those of the last twelve months count as well; older ones appear only in the previous
hospitalization that they belong to. An undated one that names no encounter is nowhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from fhir_mappings.dates import years_before
from fhir_mappings.diagnoses import once_each, title_of
from fhir_mappings.elements import Element
from fhir_mappings.encounters import Stay
from fhir_mappings.inputs import Call
from fhir_mappings.pool import reference_to
from fhir_mappings.record import Procedure

_COUNTS = frozenset({"completed", "in-progress", "unknown", ""})


@dataclass(frozen=True, slots=True)
class Done:
    """One procedure that was done or is being done."""

    element: Element
    procedure: Procedure


def read_procedures(call: Call) -> tuple[Done, ...]:
    """Every procedure completed or in progress, most recent first, undated last."""
    elements = call.pool.of_type("Procedure")
    counted = [e for e in elements if (e.text("status") or "").lower() in _COUNTS]
    found = [Done(e, done) for e in counted if (done := _map_procedure(e, call)) is not None]
    return tuple(sorted(found, key=lambda d: d.procedure.dated or date.min, reverse=True))


def recent_procedures(done: Sequence[Done], now: Stay | None, call: Call) -> tuple[Procedure, ...]:
    """Those of the current encounter or of the last twelve months; each label once."""
    since = years_before(call.today, 1)
    return once_each(
        item.procedure
        for item in done
        if (now is not None and now.holds(item.element))
        or (item.procedure.dated is not None and since <= item.procedure.dated <= call.today)
    )


def procedures_of(stay: Stay, done: Sequence[Done]) -> tuple[Procedure, ...]:
    """Those of one stay: they name it, or name none and were done on its days."""
    held = (item.procedure for item in done if stay.holds(item.element, item.procedure.dated))
    return once_each(held)


def _map_procedure(element: Element, call: Call) -> Procedure | None:
    code = element.codeable("code")
    concept = call.tables.procedures.find(code.keys, code.text or code.display)
    title = title_of(element, concept.label if concept else None, call)
    if title is None:
        meaning = "the procedure has neither a name nor a code: it was not counted"
        call.gaps.add("procedure-without-name", element.where, meaning)
        return None
    period = element.one("performedPeriod")
    return Procedure(
        label=title[0],
        display=title[1],
        reference=reference_to(element),
        dated=element.day("performedDateTime") or period.day("start", "end"),
    )
