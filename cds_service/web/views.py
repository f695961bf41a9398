"""The addresses of the service. Parse, decide, render; refusals are told in one other place."""

from datetime import UTC, datetime
from typing import Any

import structlog
from flask import Blueprint, Response, current_app, g, request
from flask.typing import ResponseReturnValue

from cds_service.audit.entries import FeedbackEntry
from cds_service.audit.ids import new_event_id
from cds_service.audit.receipts import HEADER, receipt_of_call
from cds_service.audit.within import within
from cds_service.call import Call
from cds_service.cards.parts import reason_code
from cds_service.doors import Doors
from cds_service.errors import NotAnnouncedAsJson
from cds_service.hooks.discovery import describe_services, find_service
from cds_service.hooks.feedback import Feedback, read_feedback
from cds_service.hooks.request import HookRequest
from cds_service.observing.metrics import call_ended
from cds_service.serving.admission import admitted
from cds_service.web.headers import SERVER_TIMING, server_timing
from cds_service.web.icon import show_icon
from cds_service.web.json_body import read_json_object
from cds_service.web.landing import landing_body
from cds_service.web.model_card import card_body
from cds_service.web.pages import render_page

log = structlog.get_logger()
bp = Blueprint("cds", __name__, template_folder="templates")


bp.get("/favicon.ico")(show_icon)


@bp.get("/")
def show_landing() -> ResponseReturnValue:
    """Tell a person who opens the base URL where to go."""
    doors = _doors()
    return render_page(
        "LAMO CDS service",
        landing_body(doors.settings.base_url),
        is_sandbox=not doors.settings.is_production,
        is_demonstration=doors.is_demonstration,
    )


@bp.get("/model-card")
def show_model_card() -> ResponseReturnValue:
    """Say what is stated and measured of the model, for programs."""
    return _doors().model_card().to_json()


@bp.get("/model-card.html")
def show_model_card_page() -> ResponseReturnValue:
    """Say the same to a person: cards link to it."""
    doors = _doors()
    return render_page(
        "Model card",
        card_body(doors.model_card(), doors.settings.base_url),
        is_sandbox=not doors.settings.is_production,
        is_demonstration=doors.is_demonstration,
    )


@bp.get("/cds-services")
@bp.get("/cds-services/")
def discover() -> ResponseReturnValue:
    """List the services."""
    doors = _doors()
    return describe_services(
        version=doors.settings.cds_hooks_version, is_demonstration=doors.is_demonstration
    )


@bp.post("/cds-services/<service_id>")
@bp.post("/cds-services//<service_id>")  # a client whose base URL ends in a slash
@admitted
def call_service(service_id: str) -> ResponseReturnValue:
    """Answer one hook call with cards."""
    service = find_service(service_id)
    hook_request = HookRequest.from_json(service, g.watch.run("json", _body))
    g.hook, g.hook_instance = hook_request.hook, hook_request.hook_instance
    receipt_of_call.set(None)
    cards = _doors().decide(hook_request, _call())
    outcome = "cards" if cards else "no-cards"
    call_ended(service.service_id, outcome)
    log.info(
        "hook_answered",
        service_id=service.service_id,
        hook_instance=hook_request.hook_instance,
        outcome=outcome,
        cards=len(cards),
    )
    receipt = receipt_of_call.get()
    told = {HEADER: receipt} if receipt else {}
    return {"cards": cards}, {SERVER_TIMING: server_timing(g.watch), **told}


@bp.post("/cds-services/<service_id>/feedback")
@bp.post("/cds-services//<service_id>/feedback")
@admitted
def take_feedback(service_id: str) -> ResponseReturnValue:
    """Record what clinicians did with cards. The same feedback twice is recorded once."""
    service, now = find_service(service_id), datetime.now(UTC)
    entries = [
        _feedback_entry(feedback, service.service_id, now)
        for feedback in read_feedback(_body(), now)
    ]
    new = within(g.deadline, _doors().recorder.append_feedback, *entries)
    log.info("feedback_taken", service_id=service.service_id, entries=len(entries), new=new)
    return Response(status=200, mimetype="application/json")


def _doors() -> Doors:
    doors: Doors = current_app.extensions["doors"]
    return doors


def _call() -> Call:
    return Call(caller=g.caller, request_id=g.request_id, deadline=g.deadline, watch=g.watch)


def _body() -> dict[str, Any]:
    if not request.is_json:
        raise NotAnnouncedAsJson
    return read_json_object(request.get_data(cache=False))


def _feedback_entry(feedback: Feedback, service_id: str, received_at: datetime) -> FeedbackEntry:
    return FeedbackEntry(
        event_id=new_event_id(),
        request_id=g.request_id,
        service_id=service_id,
        card=feedback.card,
        outcome=feedback.outcome,
        accepted_suggestions=feedback.accepted_suggestions,
        override_reason=feedback.override_reason,
        reason_code=reason_code(feedback.override_reason),
        user_comment=feedback.user_comment,
        outcome_timestamp=feedback.outcome_timestamp,
        received_at=received_at,
        client=g.caller.client,
    )
