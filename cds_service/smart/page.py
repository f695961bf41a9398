"""What the page of a decision shows: as it was given, and as the record is now."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cds_service.audit.reading import StoredEvent
from cds_service.reviewer.shown.cards import cards_shown
from cds_service.reviewer.shown.chart import chart_of
from cds_service.reviewer.shown.parts import explained_shown, inputs_shown, versions_of
from cds_service.reviewer.shown.scores import ScoreShown, first_of, scores_shown
from cds_service.reviewer.shown.values import Json, mapping, mappings, text
from cds_service.smart.cited import citations, read_cited
from cds_service.smart.desk import SmartDesk
from cds_service.smart.live import Live, NotRead, read_live
from cds_service.smart.sessions import Session
from cds_service.smart.what_if import Weighed, asked_about, weigh
from lamo.explanation import Omission
from lamo.scoring.base import ScorerUnavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class FactShown:
    """One fact of the prompt, which may be left out."""

    key: str
    section: str
    named: str
    dated: str
    references: Sequence[str]
    is_kept: bool


def evidence_values(
    session: Session,
    stored: StoredEvent,
    bases: Sequence[str],
    left_out: Collection[str] | None,
    desk: SmartDesk,
) -> dict[str, Any]:
    """What the template prints.

    Args:
        session: whose token reads the record.
        stored: the decision, opened.
        bases: of the client, of which the session's is one.
        left_out: keys of facts; None where nothing is to be scored again.
        desk: with the model and the log.
    """
    body = stored.body
    live, unread = _live(session, stored, bases, desk)
    scores, explained = scores_shown(body), explained_shown(body)
    cited = read_cited(citations(body), live.resources if live else {}, session, desk.tools.fhir)
    values: dict[str, Any] = {
        "summary": stored.summary,
        "patient": _patient(live, session),
        "cards": cards_shown(body),
        "inputs": [one for one in inputs_shown(body) if one.without],
        "gaps": mappings(body.get("gaps")),
        "cited": cited,
        "uncited": max(0, len(citations(body)) - len(cited)),
        "chart": chart_of(first_of(scores), scores) if scores else None,
        "scores": first_of(scores),
        "explained": explained,
        "words": {one.reference: one.says for one in cited if one.says},
        "sources": _sources(body),
        "versions": versions_of(body),
        "unread": unread,
        "live_gaps": live.gaps if live else (),
        "is_same_prompt": live is not None and live.prompt.sha256 == body.get("prompt_sha256"),
        "facts": [_fact(one, left_out or ()) for one in live.facts] if live else [],
        "weighed": None,
        "refused": "",
    }
    if live is None or left_out is None:
        return values
    return {**values, **_weighed(live, left_out, asked_about(scores, explained), desk)}


def _live(
    session: Session, stored: StoredEvent, bases: Sequence[str], desk: SmartDesk
) -> tuple[Live | None, str]:
    try:
        return read_live(session, stored, bases, desk.tools, desk.clock()), ""
    except NotRead as why:
        return None, str(why)


def _weighed(
    live: Live, left_out: Collection[str], asked: Sequence[ScoreShown], desk: SmartDesk
) -> dict[str, list[Weighed] | str]:
    try:
        return {"weighed": weigh(live, left_out, asked, desk.tools)}
    except ScorerUnavailable as reason:
        return {"refused": f"the model could not score now: {reason}"}


def _patient(live: Live | None, session: Session) -> Mapping[str, str]:
    """Who it is, for the person who looks to compare with the chart that they have open."""
    found = mapping(live.resources.get(f"Patient/{session.patient_id}")) if live else {}
    names = mappings(found.get("name"))
    return {
        "name": _name(names[0]) if names else "",
        "born": text(found.get("birthDate")),
        "gender": text(found.get("gender")),
        "id": session.patient_id,
    }


def _name(name: Json) -> str:
    given = name.get("given")
    parts = [*(given if isinstance(given, list) else []), name.get("family")]
    return text(name.get("text")) or " ".join(text(part) for part in parts if part)


def _fact(omission: Omission, left_out: Collection[str]) -> FactShown:
    dates = [one.dated for one in omission.facts if one.dated]
    return FactShown(
        key=omission.key,
        section=omission.section,
        named=omission.named,
        dated=max(dates).isoformat() if dates else "",
        references=[one.reference for one in omission.facts if one.reference],
        is_kept=omission.key not in left_out,
    )


def _sources(body: Json) -> list[tuple[str, list[str]]]:
    """What rules rest on, and which rules."""
    found: dict[str, list[str]] = {}
    for finding in mappings(body.get("findings")):
        rules = found.setdefault(text(finding.get("source")), [])
        if (rule := text(finding.get("rule"))) not in rules:
            rules.append(rule)
    return [(source, rules) for source, rules in found.items() if source]
