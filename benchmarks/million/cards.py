"""Cards of every rule about every medication, made of the parts that real cards are made of."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any
from uuid import UUID

from benchmarks.million.templates import Drug
from cds_service.cards.kinds import COMMON_REASONS, RULE_REASONS
from cds_service.cards.parts import Json, reason_json, source_json, suggestion_json
from cds_service.cards.text import detail_text, summary_line

# how often each rule speaks, beside the others, and how loudly
RULES: Mapping[str, tuple[float, str]] = {
    "overprescription": (30, "warning"),
    "regimen": (14, "info"),
    "interaction": (12, "warning"),
    "duplicate-class": (10, "warning"),
    "allergy": (6, "critical"),
    "older-adult": (6, "warning"),
    "suggestion": (6, "info"),
    "renal": (5, "warning"),
    "duplicate-ingredient": (4, "warning"),
    "usual-course": (3, "warning"),
    "potassium": (2, "critical"),
    "cascade": (1, "info"),
    "hepatic": (0.5, "warning"),
    "pregnancy": (0.3, "critical"),
    "lactation": (0.05, "warning"),
}
OF_NO_MEDICATION = frozenset({"regimen"})
CARDS_OF: Mapping[str, tuple[float, ...]] = {  # by hook: the shares of none, one, two ... cards
    "patient-view": (0.6, 0.25, 0.1, 0.05),
    "order-select": (0.65, 0.25, 0.08, 0.02),
    "order-sign": (0.25, 0.35, 0.2, 0.12, 0.08),
    "encounter-discharge": (0.3, 0.3, 0.2, 0.1, 0.1),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What the cards of one decision are, and what stands beside them in the log."""

    cards: Sequence[Json]
    about: Sequence[Json]
    findings: Sequence[Json]


def uuids(random: Random) -> Callable[[], str]:
    """Makes uuids, the same ones from the same seed."""
    return lambda: str(UUID(int=random.getrandbits(128), version=4))


def any_advice(random: Random, hook: str, drugs: Sequence[Drug], event_id: str) -> Advice:
    """The cards of one decision, each of another rule or about another medication."""
    shares = CARDS_OF[hook]
    (count,) = random.choices(range(len(shares)), shares)
    weights = [weight for weight, _ in RULES.values()]
    rules = random.choices(list(RULES), weights, k=count)
    topics = {(rule, drugs[int(len(drugs) * random.random() ** 2.5)]) for rule in rules}
    new_uuid = uuids(random)
    made = [(topic, _card(*topic, new_uuid, event_id)) for topic in sorted(topics, key=str)]
    return Advice(
        cards=[card for _, card in made],
        about=[_about(*topic, card) for topic, card in made if topic[0] not in OF_NO_MEDICATION],
        findings=[_finding(*topic) for topic, _ in made],
    )


def _card(rule: str, drug: Drug, new_uuid: Callable[[], str], event_id: str) -> Json:
    card = {"uuid": new_uuid(), **_without_uuids(rule, drug)}
    card["detail"] = card["detail"].replace("Decision.", f"Decision {event_id}.")
    offers = [{**offer, "uuid": new_uuid()} for offer in card.get("suggestions", ())]
    return card | ({"suggestions": offers} if offers else {})


@cache
def _without_uuids(rule: str, drug: Drug) -> Json:
    detail = (
        f"**What:** {drug.label} (RxNorm {drug.rxcui}; MedicationRequest/draft-1).",
        f"**Why:** {_summary(rule, drug)} (MedicationRequest/order-1, Condition/condition-2).",
        "**Does not apply if** it was weighed against what the record says, or is meant so.",
    )
    card: dict[str, Any] = {
        "summary": summary_line(_summary(rule, drug)),
        "detail": detail_text(detail, (_SIGNATURE,)),
        "indicator": RULES[rule][1],
        "source": source_json(_source(rule), rule),
        "overrideReasons": [reason_json(code) for code in RULE_REASONS.get(rule, COMMON_REASONS)],
    }
    if RULES[rule][1] == "info":
        return card
    offer = suggestion_json(f"Remove the draft of {drug.label}", _removal(drug), lambda: "")
    return card | {"suggestions": [offer], "selectionBehavior": "at-most-one"}


_SIGNATURE = (
    "AI-generated from this record; please verify before acting. Demonstration on synthetic "
    "patients, not for clinical use. Decision."
)


def _summary(rule: str, drug: Drug) -> str:
    if rule in OF_NO_MEDICATION:
        return "Consider reviewing the medication list: 9 active ingredients, where 5 are usual"
    return f"Consider reviewing {drug.label}: {rule.replace('-', ' ')}"


def _source(rule: str) -> str:
    return f"Table of {rule} (draft, not reviewed by a pharmacist)"


def _removal(drug: Drug) -> Json:
    told = f"Remove the draft order of {drug.label}"
    return {"type": "delete", "description": told, "resourceId": "MedicationRequest/draft-1"}


def _about(rule: str, drug: Drug, card: Json) -> Json:
    basis = "" if rule == "overprescription" else f"{RULES[rule][1]} MedicationRequest/order-1"
    return {"card": card["uuid"], "rule": rule, "rxcui": drug.rxcui, "basis": basis}


@cache
def _finding(rule: str, drug: Drug) -> Json:
    return {
        "rule": rule,
        "severity": RULES[rule][1],
        "medication": "MedicationRequest/draft-1",
        "rxcuis": [drug.rxcui],
        "summary": _summary(rule, drug),
        "because": ["MedicationRequest/order-1"],
        "source": _source(rule),
    }
