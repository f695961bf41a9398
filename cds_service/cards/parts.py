"""The parts of a card as JSON: members in the order of the specification, none empty."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from cds_service.answers import Answer
from cds_service.cards.material import CardMaterial
from cds_service.cards.text import plain, summary_line
from medication_safety.findings import Severity

Json = dict[str, Any]
HL7_REASONS = "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes"
LAUNCH = "/smart/launch"  # below the public URL: the evidence app (SMART App Launch)
EVIDENCE = "/evidence"  # and the page beside it that is open to whoever has its address
OWN_REASONS = "urn:lamo-cds:override-reason"
OWN_TOPICS = "urn:lamo-cds:card-topic"
TOPICS = {
    "overprescription": "Overprescription",
    "regimen": "Length of the medication list",
    "allergy": "Allergy or intolerance",
    "duplicate-ingredient": "Duplicate ingredient",
    "duplicate-class": "Duplicate class",
    "suggestion": "Medication suggestion",
    "gap": "Not checked",
    "review": "Also worth a look",
    "deprescribing": "Review of current medications",
    "interaction": "Interaction",
    "older-adult": "Potentially inappropriate in older adults",
    "cascade": "Possible prescribing cascade",
    "usual-course": "Beyond its usual course",
    "renal": "Kidney function",
    "hepatic": "Liver function",
    "potassium": "Potassium",
    "pregnancy": "Pregnancy",
    "lactation": "Breastfeeding",
}
REASONS: Mapping[str, tuple[str, str]] = {
    "patient-contraindication": (HL7_REASONS, "Patient has a contraindication"),
    "patient-refuses": (HL7_REASONS, "Patient refuses or declines"),
    "recipient-disagrees-evidence": (
        HL7_REASONS,
        "Recipient disagrees with recommendation because of issues with the evidence",
    ),
    "will-monitor": (OWN_REASONS, "Will monitor"),
    "tolerated-before": (OWN_REASONS, "Tolerated before"),
    "indication-not-recorded": (OWN_REASONS, "There is an indication that is not in the record"),
    "meant-together": (OWN_REASONS, "Both are meant, or one replaces the other"),
}
LABEL_LIMIT = 100  # characters, of a suggestion
_REFERENCE = re.compile(r"[A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64}")


@dataclass(frozen=True, kw_only=True)
class Parts:
    """One card before it becomes JSON."""

    topic: str  # a key of TOPICS
    summary: str
    detail: str
    indicator: Severity
    source: str  # the label of the primary source
    suggestions: Sequence[Json] = ()
    behavior: Literal["at-most-one", "any"] = "at-most-one"
    reasons: Sequence[str] = ()  # keys of REASONS
    about: str = ""  # the order: tells apart two cards with one summary
    rxcuis: tuple[str, ...] = ()  # RxNorm codes of what it is about
    line: str = ""  # the whole of it in one line of Markdown, where it is merged with others
    is_faint: bool = False  # nearer to its threshold than the policy asks for: not shown
    is_current: bool = False  # about what is taken already: shown in the one card for review
    basis: str = ""  # what it rests on: an override says nothing of another reason
    covers: tuple[Answer, ...] = ()  # of a card that holds several findings

    @property
    def answers(self) -> tuple[Answer, ...]:
        """What an override of the card answers: rules, each with a medication and its reason."""
        return self.covers or tuple((self.topic, rxcui, self.basis) for rxcui in self.rxcuis)


def card_json(parts: Parts, material: CardMaterial) -> Json:
    """One card as it is sent."""
    card = {
        "uuid": material.new_uuid(),
        "summary": summary_line(parts.summary),
        "detail": parts.detail,
        "indicator": parts.indicator,
        "source": source_json(parts.source, parts.topic),
        "suggestions": list(parts.suggestions),
        "selectionBehavior": parts.behavior if parts.suggestions else None,
        "overrideReasons": [reason_json(code) for code in parts.reasons],
        "links": links_json(material),
    }
    return {name: value for name, value in card.items() if value}


def source_json(label: str, topic: str) -> Json:
    """The primary source of a card and what kind of card it is."""
    coding = {"system": OWN_TOPICS, "code": topic, "display": TOPICS[topic]}
    return {"label": plain(label, 120), "topic": coding}


def reason_json(code: str) -> Json:
    """One reason for not following a card."""
    system, display = REASONS[code]
    return {"code": code, "system": system, "display": display}


def reason_code(coding: Mapping[str, Any] | None) -> str | None:
    """The code of a reason as our cards offer it; "other" for any other, which may be any text."""
    if coding is None:
        return None
    code = str(coding.get("code"))
    is_ours = code in REASONS and coding.get("system") in (None, REASONS[code][0])
    return code if is_ours else "other"


def links_json(material: CardMaterial) -> list[Json]:
    """Links to the evidence for a card, and to the page about the model.

    The evidence opens as a SMART app where the client is registered for it, else as a page that
    holds nothing of a patient. None of them without a real absolute address; none opens by itself.
    """
    url = material.public_url
    parts = urlsplit(url or "")
    if url is None or parts.scheme not in ("http", "https") or not parts.netloc:
        return []
    card = f"{url}/model-card.html"
    about = {"label": "About this service and its model", "url": card, "type": "absolute"}
    return [_evidence_link(url, material), about]


def _evidence_link(public_url: str, material: CardMaterial) -> Json:
    label = "Evidence for this advice"
    if not material.has_app:
        url = f"{public_url}{EVIDENCE}/{material.event_id}"
        return {"label": label, "url": url, "type": "absolute"}
    url = f"{public_url}{LAUNCH}"
    return {"label": label, "url": url, "type": "smart", "appContext": material.event_id}


def suggestion_json(label: str, action: Json, new_uuid: Callable[[], str]) -> Json:
    """One suggestion of one action; nothing is recommended or chosen beforehand."""
    return {"label": plain(label, LABEL_LIMIT), "uuid": new_uuid(), "actions": [action]}


def relative_reference(reference: str | None) -> str | None:
    """The last "Type/id" of a reference, as actions name resources; None when it has none."""
    steps = (reference or "").split("/")
    found = None if ".." in steps else _REFERENCE.fullmatch("/".join(steps[-2:]))
    return found[0] if found else None
