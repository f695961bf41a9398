"""What is done with cards: a suggestion is taken, or the card overridden, and that is reported."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from flask import request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from cds_service.sandbox.ehr import feedback
from cds_service.sandbox.ehr.actions import back
from cds_service.sandbox.ehr.desk import Firing, OpenChart, Outcome
from cds_service.sandbox.ehr.door import desk, ehr, patient_or_404
from cds_service.sandbox.ehr.hooks import shown
from cds_service.sandbox.ehr.orders import apply_actions
from cds_service.sandbox.fhir.errors import Conflict, NotThere

MOST_COMMENT = 2000  # characters


@ehr.post("/ehr/charts/<patient_id>/cards/<uuid>/accept")
def accept(patient_id: str, uuid: str) -> ResponseReturnValue:
    """Take suggestions of a card: their actions are done, and it is reported."""
    opened, firing, card = _card(patient_id, uuid)
    asked = set(request.form.getlist("suggestion"))
    chosen = [one for one in card.get("suggestions", ()) if one.get("uuid") in asked]
    if not chosen:
        opened.tell("Nothing was chosen: tick a suggestion first.", is_refused=True)
        return back(patient_id)
    for suggestion in chosen:
        apply_actions(desk(), patient_id, suggestion.get("actions", ()))
    labels = "; ".join(str(one.get("label", "")) for one in chosen)
    report = feedback.accepted(uuid, [str(one["uuid"]) for one in chosen], desk().clock())
    _report(opened, firing, report, f"Accepted: {labels}")
    return back(patient_id)


@ehr.post("/ehr/charts/<patient_id>/cards/<uuid>/override")
def override(patient_id: str, uuid: str) -> ResponseReturnValue:
    """Do not follow a card, for one of its reasons or in own words; and report it."""
    opened, firing, card = _card(patient_id, uuid)
    code, comment = request.form.get("reason", ""), request.form.get("comment", "")
    reasons = card.get("overrideReasons", ())
    reason = next((one for one in reasons if one.get("code") == code), None)
    report = feedback.overridden(uuid, reason, comment[:MOST_COMMENT], desk().clock())
    told = [str(reason.get("display", code))] if reason else []
    told += [comment.strip()] if comment.strip() else []
    _report(opened, firing, report, f"Overridden: {'; '.join(told) or 'no reason given'}")
    return back(patient_id)


def _card(patient_id: str, uuid: str) -> tuple[OpenChart, Firing, Mapping[str, Any]]:
    opened = desk().sitting.chart(patient_or_404(patient_id).patient_id)
    known = opened.card(uuid)
    if known is None:
        raise NotThere("this card is not known any more: fire its hook again")
    if uuid in opened.outcomes:
        raise Conflict("this card was answered already: fire its hook again for a new one")
    return opened, *known


def _report(opened: OpenChart, firing: Firing, report: Mapping[str, Any], text: str) -> None:
    if firing.call is None:
        raise NotFound("this card came with no call")
    answer = shown(partial(desk().client.feedback, firing.call.service_id, report))
    opened.outcomes[str(report["card"])] = Outcome(text=text, feedback=answer)
    if answer.problem is None:
        opened.tell(f"{text}. The feedback was recorded.")
    else:
        opened.tell(f"{text}. The feedback was not taken: {answer.problem}.", is_refused=True)
