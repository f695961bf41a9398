"""One hook call from request to cards: the table of contents of the service."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

from cds_service.answers import Answers
from cds_service.artifacts.watched import Watched
from cds_service.audit.entries import DecisionEntry
from cds_service.audit.ids import new_event_id
from cds_service.audit.receipts import receipt_for, receipt_of_call
from cds_service.audit.vault import Whom
from cds_service.audit.within import reserve_s, within
from cds_service.call import Call
from cds_service.cards.build import Built, build_cards
from cds_service.cards.material import CardMaterial
from cds_service.decided import Decided, Trail
from cds_service.errors import AuditUnavailable
from cds_service.hooks.request import HookRequest
from cds_service.judging import candidates_of, checked, choose_for
from cds_service.observing.calls import call_decided
from cds_service.observing.metrics import Answered
from cds_service.prefetch.attached import read_attachments
from cds_service.prefetch.complete import Prefetched, complete_prefetch
from cds_service.tools import Tools
from fhir_mappings.inputs import Attachment, HookResources
from fhir_mappings.mapping import map_record
from fhir_mappings.record import Gap, PatientRecord
from lamo.deadline import Deadline
from lamo.explanation import Explanation, explain
from lamo.notes.digest import NoteDigest
from lamo.prompts import Prompt, render_prompt
from lamo.scoring.base import ScorerUnavailable, VariantScorer
from lamo.selection import Choice
from medication_safety.check import shortened

SIGNING = frozenset({"order-sign", "medication-prescribe"})
UNREAD = frozenset({"absent", "failed"})  # states of a prefetch key
READ_SHARE = 0.5  # of what is left then, at most, for reading the notes
EXPLAIN_SHARE = 0.7  # of what is left then, at most, for what speaks for and against
MOST_EXPLAINED = 8  # medications: what can be explained within 400 ms
FETCH_SHARE = 0.75  # of the call's time, at most, for reading the client's FHIR server


def decide(request: HookRequest, call: Call, tools: Tools) -> list[dict[str, Any]]:
    """Turn one hook call into cards. Each line is one room of the house; none goes back.

    Raises:
        ServiceError: the call is refused, or its decision could not be recorded.
    """
    received_at, watch = tools.clock(), call.watch
    stopped = tools.stops.rules_off(request.service_id)
    work_by = call.deadline.earlier(reserve_s(tools.settings.deadline_ms))
    fetch_by = work_by.share(FETCH_SHARE)
    asks = (request, call.caller.fhir_bases)
    prefetched = watch.run("prefetch", complete_prefetch, *asks, tools.fhir, fetch_by)
    attached = watch.run("attachments", read_attachments, *asks, prefetched, tools, fetch_by)
    resources = hook_resources(request, prefetched, attached, received_at)
    mapped, odd = watch.run("map", mapped_record, resources, tools)
    read_by = work_by.share(READ_SHARE)
    record, digest, notes, unread = watch.run("notes", tools.notes.read, mapped, read_by)
    prompt, cut = watch.run("prompt", render_prompt, record, digest, tools.prompts)
    asked = _asked(request, record, prefetched, tools)
    log_odds, outage = watch.run("score", try_score, prompt, asked, tools, work_by)
    choice = watch.run("choose", choose_for, record, log_odds, tools)
    choice, findings, unchecked = watch.run("check", checked, record, choice, tools.rulebook)
    why, untold = watch.run("explain", try_explain, record, digest, choice, tools, work_by)
    answered, forgotten = watch.run("overrides", earlier_overrides, request, call, tools, work_by)
    found = (odd, unread, cut, outage, choice.gaps, unchecked, untold, forgotten)
    decided = Decided(
        event_id=new_event_id(),
        request=request,
        record=record,
        notes=notes,
        prompt=prompt,
        choice=choice,
        findings=findings,
        explanation=why,
        gaps=(*prefetched.gaps, *chain(*found, undrafted(choice, resources))),
        stopped=stopped,
        fhir_versions=resources.fhir_versions,
    )
    has_app = call.caller.has_app
    material = decided.card_material(tools, originals_of(prefetched), answered, has_app=has_app)
    built = watch.run("cards", build_cards, material)
    trail = Trail(call=call, received_at=received_at, prefetched=prefetched)
    entry = decided.audit_entry(built, trail, tools)
    watch.run("record", record_decision, entry, tools, call.deadline)
    call_decided(_answered(decided, built, trail))
    offer_to_shadow(decided, digest, material, entry, tools)
    return built.cards


def mapped_record(resources: HookResources, tools: Tools) -> tuple[PatientRecord, tuple[Gap, ...]]:
    """The patient, with lists of a length that can be checked in the time of a call."""
    mapped, odd = map_record(resources, tools.tables)
    record, crowded = shortened(mapped)
    return record, (*odd, *crowded)


def try_score(
    prompt: Prompt, candidates: Sequence[str], tools: Tools, deadline: Deadline
) -> tuple[Mapping[str, float], tuple[Gap, ...]]:
    """Score candidates; a model that is down or late leaves a gap, and the rules stand."""
    if not candidates:
        return {}, ()
    try:
        return tools.scorer.score(prompt, candidates, deadline), ()
    except ScorerUnavailable as reason:
        gap = Gap(
            kind="not-scored",
            where="model",
            meaning=f"the model could not score this patient ({reason}), so whether the record "
            "supports the orders was not judged",
            shown=True,
        )
        return {}, (gap,)


def try_explain(
    record: PatientRecord,
    digest: NoteDigest | None,
    choice: Choice,
    tools: Tools,
    deadline: Deadline,
) -> tuple[Explanation, tuple[Gap, ...]]:
    """What speaks for and against the medications that cards are about, in the time that is left.

    Only with an engine that is quick with variants of a prompt: another would need as many whole
    calls as there are facts. What no time was left for is a gap, and not shown.
    """
    margin = tools.policy.unsupported_margin
    chosen = [one.score for one in choice.unsupported if one.short_by >= margin]
    chosen += choice.proposed
    labels = list(dict.fromkeys(one.ingredient.label for one in chosen))[:MOST_EXPLAINED]
    if not labels or not isinstance(tools.scorer, VariantScorer):
        return Explanation(), ()
    explain_by = deadline.share(EXPLAIN_SHARE)
    why = explain(record, digest, tools.prompts, tools.scorer, labels, explain_by)
    if why.reason is None:
        return why, ()
    meaning = f"{why.unexamined} facts were not examined for what they say ({why.reason})"
    return why, (Gap(kind="not-explained", where="model", meaning=meaning),)


def undrafted(choice: Choice, resources: HookResources) -> tuple[Gap, ...]:
    """A gap where what is proposed comes without a draft order: we write R4, and no other."""
    if not choice.proposed or resources.fhir_versions == ("R4",):
        return ()
    found = ", ".join(resources.fhir_versions)
    meaning = f"the resources of the call are FHIR {found}: no R4 draft orders were offered"
    return (Gap(kind="draft-not-offered", where="cards", meaning=meaning),)


def earlier_overrides(
    request: HookRequest, call: Call, tools: Tools, deadline: Deadline
) -> tuple[Answers, tuple[Gap, ...]]:
    """Which cards of this patient were overridden with a reason not long ago, and by whom.

    Where that cannot be read in time, the cards are shown again, which is better than no card.
    """
    since = tools.clock() - timedelta(hours=tools.policy.quiet_hours)
    whom = Whom(client=call.caller.client, patient_id=request.patient_id)
    read = tools.audit_log.overridden
    try:
        return within(deadline, read, whom, request.user_id, since), ()
    except AuditUnavailable:
        meaning = "earlier overrides could not be read, so cards may be shown again"
        return Answers(), (Gap(kind="overrides-not-read", where="audit log", meaning=meaning),)


def record_decision(entry: DecisionEntry, tools: Tools, deadline: Deadline) -> None:
    """Commit a decision, in what is left of the call's time or else in what is kept for that.

    Raises:
        AuditUnavailable: it could not be committed in time, so no card may leave.
    """
    record_by = deadline.at_least(reserve_s(tools.settings.deadline_ms))
    leaf = within(record_by, tools.audit_log.append_decision, entry)
    if tools.signing is not None:
        receipt_of_call.set(receipt_for(entry.event_id, leaf, tools.signing))


def offer_to_shadow(
    decided: Decided,
    digest: NoteDigest | None,
    material: CardMaterial,
    entry: DecisionEntry,
    tools: Tools,
) -> None:
    """Have a shadow, where there is one, look at a decision that was scored, behind the answer."""
    if tools.shadow is None or not decided.choice.scores:
        return
    watched = Watched(
        decided=decided,
        digest=digest,
        material=material,
        client=entry.client,
        card_count=len(entry.cards),
        score_ms=entry.stage_ms["score"],
        served=tools.artifact.sha256,
    )
    tools.shadow.offer(watched)


def originals_of(prefetched: Prefetched) -> Mapping[str, Mapping[str, Any]]:
    """The client's own orders by reference: what an offer to stop one is written on."""
    requests = (*prefetched.resources.get("medications", ()),)
    return {
        f"MedicationRequest/{one['id']}": one
        for one in requests
        if one.get("resourceType") == "MedicationRequest" and one.get("id")
    }


def _asked(
    request: HookRequest, record: PatientRecord, prefetched: Prefetched, tools: Tools
) -> Sequence[str]:
    """The candidates that this hook needs scores of.

    While an order is being selected that is the order alone. Without the conditions it is none,
    since an unread list would speak against every order; that they were not available is a gap
    already, and shown.
    """
    if prefetched.states["conditions"] in UNREAD:
        return ()
    return candidates_of(request, record, tools)


def _answered(decided: Decided, built: Built, trail: Trail) -> Answered:
    return Answered(
        cards=built.cards,
        gaps=decided.gaps,
        states=trail.prefetched.states,
        seconds=trail.call.watch.total_ms() / 1000,
        is_late=trail.call.deadline.left_s() == 0,
    )


def hook_resources(
    request: HookRequest,
    prefetched: Prefetched,
    attached: Mapping[str, Attachment],
    received_at: datetime,
) -> HookResources:
    """What a record is mapped from."""
    return HookResources(
        patient_id=request.patient_id,
        encounter_id=request.encounter_id,
        decided_at=received_at,
        prefetched=prefetched.resources,
        draft_orders=prefetched.draft_orders,
        selections=request.orders.selections,
        orders_are_final=request.hook in SIGNING,
        attachments=attached,
    )
