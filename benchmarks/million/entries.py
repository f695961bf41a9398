"""Entries of every kind, varied from templates; all but their ids and keys comes from the seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

from benchmarks.million.cards import any_advice, uuids
from benchmarks.million.people import MONTHS, REVIEWERS, Visit
from benchmarks.million.templates import Templates
from cds_service.audit.entries import AccessEntry, DecisionEntry, ErrorEntry, FeedbackEntry
from cds_service.cards.kinds import COMMON_REASONS, RULE_REASONS
from cds_service.cards.parts import REASONS
from fhir_mappings.record import Gap

HOOKS = {  # share of the calls
    "patient-view": 0.4,
    "order-select": 0.25,
    "order-sign": 0.3,
    "encounter-discharge": 0.05,
}
VERSIONS = (("2", 0), ("3", 10), ("4", 19))  # of the model, and from which month on
ANSWERED = 0.4  # of the cards
OVERRIDDEN = 0.62  # of those, where nothing is known of who and what
WITHOUT_REASON, OTHER_REASON, COMMENTED = 0.2, 0.08, 0.15
GAP = Gap(
    kind="prefetch-absent",
    where="allergies",
    meaning="Allergies were not available, so no medication was checked against them.",
    shown=True,
)
WITH_GAP, WITH_SUPPRESSED = 0.06, 0.15
ERRORS = (  # status, code, weight
    (400, "MalformedRequest", 40),
    (412, "PrefetchMissing", 30),
    (401, "Untrusted", 15),
    (429, "TooManyRequests", 10),
    (503, "Overloaded", 5),
)
PAGES = ("search", "decision", "overrides", "drift", "integrity")


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When something is written, under which id, and what it is drawn by."""

    at: datetime
    month: int  # from 0
    event_id: str
    random: Random

    def uuid(self) -> str:
        """One that the seed makes."""
        return uuids(self.random)()

    def happens(self, share: float) -> bool:
        """Whether something happens that does so this often."""
        return self.random.random() < share


def decision(templates: Templates, visit: Visit, moment: Moment) -> DecisionEntry:
    """A decision about a visit: the template of its hook with other cards and scores."""
    (hook,) = moment.random.choices(list(HOOKS), list(HOOKS.values()))
    template = templates.decisions[hook]
    advice = any_advice(moment.random, hook, templates.drugs, moment.event_id)
    total = round(moment.random.lognormvariate(3.2, 0.4) + moment.month / 10, 3)
    return replace(
        template,
        event_id=moment.event_id,
        request_id=moment.uuid(),
        hook_instance=moment.uuid(),
        client=visit.whom.client,
        user=visit.user,
        patient_id=visit.whom.patient_id,
        encounter_id=f"e-{moment.random.randrange(10**7):07}",
        received_at=moment.at,
        decided_at=moment.at + timedelta(milliseconds=total),
        model=_model(template.model, moment.month),
        scores=moment.random.choice(templates.scores[hook]),
        cards=advice.cards,
        about=advice.about,
        findings=advice.findings,
        suppressed=_suppressed(templates, moment),
        gaps=(GAP,) if moment.happens(WITH_GAP) else (),
        stage_ms={**template.stage_ms, "total": total},
    )


def answers(made: DecisionEntry, visit: Visit, moment: Moment) -> Sequence[FeedbackEntry]:
    """What becomes of its cards, some of them; ids and moments are those of the decision still."""
    if not made.cards or not moment.happens(1.3 * ANSWERED):
        return ()
    told = [card for card in made.cards if moment.happens(1 / 1.3)]
    return [_answer(made, card, visit, moment) for card in told]


def _answer(
    made: DecisionEntry, card: Mapping[str, Any], visit: Visit, moment: Moment
) -> FeedbackEntry:
    rule = card["source"]["topic"]["code"]
    leaning = (len(rule) % 5 - 2) * 0.08 + (visit.prescriber % 7 - 3) * 0.05
    is_overridden = moment.happens(OVERRIDDEN + leaning) or "suggestions" not in card
    code = _reason(rule, moment) if is_overridden else None
    comment = "discussed with the patient" if moment.happens(COMMENTED) else None
    return FeedbackEntry(
        event_id=moment.event_id,
        request_id=moment.uuid(),
        service_id=made.service_id,
        card=card["uuid"],
        outcome="overridden" if is_overridden else "accepted",
        accepted_suggestions=() if is_overridden else (card["suggestions"][0]["uuid"],),
        override_reason=_coding(code) if code else None,
        reason_code=code if code in (None, *REASONS) else "other",
        user_comment=comment if is_overridden else None,
        outcome_timestamp=moment.at,
        received_at=moment.at,
        client=made.client,
    )


def error(visit: Visit, moment: Moment) -> ErrorEntry:
    """A call of a client that was refused or failed."""
    status, code, _ = moment.random.choices(ERRORS, [weight for *_, weight in ERRORS])[0]
    (hook,) = moment.random.choices(list(HOOKS), list(HOOKS.values()))
    return ErrorEntry(
        event_id=moment.event_id,
        request_id=moment.uuid(),
        service_id=f"lamo-{hook}",
        hook=hook,
        hook_instance=moment.uuid(),
        client=visit.whom.client,
        received_at=moment.at,
        status=status,
        code=code,
        message=f"{code}: found another value, wanted what the specification says",
    )


def access(visit: Visit, looked_at: str, moment: Moment) -> AccessEntry:
    """A look of a reviewer; one of ten searches for a patient."""
    page = moment.random.choice(PAGES)
    is_patient = page == "search" and moment.happens(0.1)
    return AccessEntry(
        event_id=moment.event_id,
        request_id=moment.uuid(),
        user=f"account/{moment.random.choice(REVIEWERS)}",
        roles=("reviewer",),
        page=page,
        outcome="seen",
        looked_at=looked_at if page == "decision" else None,
        filters={"rule": "allergy"} if page == "search" and not is_patient else {},
        rows=50 if page == "search" else None,
        patient_client=visit.whom.client if is_patient else None,
        patient_id=visit.whom.patient_id if is_patient else None,
        purpose="a complaint" if is_patient else None,
    )


def _model(served: Mapping[str, Any], month: int) -> Mapping[str, Any]:
    begun = [version for version, first in VERSIONS if first <= month * 24 // MONTHS]
    sha256 = f"{int(begun[-1]):02x}{served['sha256'][2:]}"
    return {**served, "version": begun[-1], "sha256": sha256}


def _suppressed(templates: Templates, moment: Moment) -> Sequence[Mapping[str, Any]]:
    if not moment.happens(WITH_SUPPRESSED):
        return ()
    drug = moment.random.choice(templates.drugs)
    why = moment.random.choice(("policy", "overridden before"))
    return [{"rule": "overprescription", "rxcuis": [drug.rxcui], "why": why}]


def _reason(rule: str, moment: Moment) -> str | None:
    if moment.happens(WITHOUT_REASON):
        return None
    if moment.happens(OTHER_REASON):
        return "local-reason"
    return moment.random.choice(RULE_REASONS.get(rule, COMMON_REASONS))


def _coding(code: str) -> Mapping[str, str]:
    system, _ = REASONS.get(code, ("urn:example:reasons", ""))
    return {"code": code, "system": system}
