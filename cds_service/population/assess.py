"""One patient of an export: the same rooms as a hook call, with the active orders as its drafts."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from cds_service.judging import choose_for
from cds_service.rows import finding_row, note_row, score_row
from cds_service.tools import Tools
from fhir_mappings.inputs import HookResources
from fhir_mappings.mapping import map_record
from fhir_mappings.pool import KEY_OF_TYPE
from fhir_mappings.record import Gap
from lamo.deadline import Deadline
from lamo.exports.fhir_files import Resource, newest
from lamo.prompts import render_prompt
from lamo.selection import candidates_for, withhold
from medication_safety.check import check_medications, is_on_proposal, shortened

Line = dict[str, Any]

PATIENT_MS = 60_000.0  # nobody waits for the answer, but nothing may hang


class PatientUnclear(Exception):  # noqa: N818 - a situation, named as such
    """Who the patient is does not follow from the export."""


def assess(
    patient_id: str, resources: Sequence[Resource], decided_at: datetime, tools: Tools
) -> Line:
    """Scores, findings and suggestions of one patient.

    The active orders are judged as if all were signed at `decided_at`, so a list that has grown
    for years is looked at as one.

    Raises:
        PatientUnclear: there is no Patient resource, or there are several that differ.
        ScorerUnavailable: the model could not score the patient.
    """
    _refuse_unknown(resources)
    chart = _chart(patient_id, resources, decided_at)
    record, odd = map_record(chart, tools.tables)
    record, crowded = shortened(record)
    record, digest, notes, unread = tools.notes.read(record, Deadline.after_ms(PATIENT_MS))
    prompt, cut = render_prompt(record, digest, tools.prompts)
    candidates = candidates_for(record, tools.artifact)
    log_odds = tools.scorer.score(prompt, candidates, Deadline.after_ms(PATIENT_MS))
    choice = choose_for(record, log_odds, tools)
    proposed = [score.ingredient for score in choice.proposed]
    findings = check_medications(record, proposed, tools.rulebook)
    choice = withhold(choice, findings)
    return {
        "patient": patient_id,
        "prompt_sha256": prompt.sha256,
        "notes": [note_row(note) for note in notes],
        "listed": [medication.display for medication in (*record.ordered, *record.current)],
        "scores": [score_row(score) for score in choice.scores],
        "suggestions": [score.ingredient.label for score in choice.proposed],
        "unsupported": [
            {"medication": found.medication.reference, "label": found.score.ingredient.label}
            for found in choice.unsupported
        ],
        "findings": [finding_row(found) for found in findings if not is_on_proposal(found)],
        "gaps": list(_gap_rows((*odd, *crowded, *unread, *cut, *choice.gaps))),
    }


def _refuse_unknown(resources: Sequence[Resource]) -> None:
    """As a hook call without `patient` is refused."""
    people = {json.dumps(r, sort_keys=True) for r in resources if r["resourceType"] == "Patient"}
    if len(people) != 1:
        found = f"{len(people)} Patient resources that differ" if people else "no Patient resource"
        raise PatientUnclear(f"the export has {found} of this id")


def _chart(patient_id: str, resources: Sequence[Resource], decided_at: datetime) -> HookResources:
    drafts: list[Resource] = []
    prefetched: dict[str, list[Resource]] = {}
    for resource in resources:
        kind = str(resource.get("resourceType"))
        if kind == "MedicationRequest" and _is_active_order(resource):
            drafts.append({**resource, "status": "draft"})
        else:
            prefetched.setdefault(KEY_OF_TYPE.get(kind, "others"), []).append(resource)
    prefetched["documents"] = newest(prefetched.get("documents", []))
    return HookResources(
        patient_id=patient_id,
        encounter_id=None,
        decided_at=decided_at,
        prefetched=prefetched,
        draft_orders=drafts,
        orders_are_final=True,
    )


def _is_active_order(resource: Resource) -> bool:
    is_wish = resource.get("intent") in ("proposal", "option")
    return resource.get("status") == "active" and not is_wish and not resource.get("doNotPerform")


def _gap_rows(gaps: Sequence[Gap]) -> Iterator[dict[str, str]]:
    for gap in gaps:
        yield {"kind": gap.kind, "where": gap.where, "meaning": gap.meaning}
