"""What became of the cards of a decision, report by report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cds_service.audit.reading import StoredEvent
from cds_service.cards.parts import REASONS
from cds_service.reviewer.shown.cards import CardShown
from cds_service.reviewer.shown.values import mapping, text


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportShown:
    """One report of one card."""

    event_id: str
    at: str  # when the card was answered, as the client says
    card: str  # its summary, or its uuid where that is not to be seen
    outcome: str
    reason: str
    comment: str
    accepted: Sequence[str]  # labels of suggestions


def reports_shown(events: Sequence[StoredEvent], cards: Sequence[CardShown]) -> list[ReportShown]:
    """Reports in the order in which they came."""
    summaries = {card.uuid: card.summary for card in cards}
    labels = {one.uuid: one.label for card in cards for one in card.suggestions}
    return [_report(event, summaries, labels) for event in events]


def _report(
    event: StoredEvent, summaries: Mapping[str, str], labels: Mapping[str, str]
) -> ReportShown:
    body = event.body
    card = text(body.get("card"))
    accepted = map(text, body.get("accepted_suggestions") or ())
    return ReportShown(
        event_id=event.summary.event_id,
        at=text(body.get("outcome_timestamp")),
        card=summaries.get(card, card),
        outcome=text(body.get("outcome")),
        reason=_reason(event),
        comment=text(body.get("user_comment")),
        accepted=[labels.get(uuid, uuid) for uuid in accepted],
    )


def _reason(event: StoredEvent) -> str:
    code = text(event.body.get("reason_code"))
    if code in REASONS:
        return REASONS[code][1]
    coding = mapping(event.body.get("override_reason"))
    told = " ".join(text(coding.get(name)) for name in ("system", "code") if coding.get(name))
    return told or code
