"""The one place in which an error becomes an answer: an OperationOutcome, recorded and logged."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import structlog
from flask import Response, g, jsonify, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, RequestEntityTooLarge

from cds_service.audit.entries import ErrorEntry
from cds_service.audit.ids import new_event_id
from cds_service.audit.within import reserve_s, within
from cds_service.doors import Doors
from cds_service.errors import (
    AuditUnavailable,
    NotAdmitted,
    NotAllowed,
    PayloadTooLarge,
    ServiceError,
    SwitchedOff,
)
from cds_service.hooks.discovery import SERVICES
from cds_service.hooks.request import FHIR_ID
from cds_service.logs import where_raised
from cds_service.observing.metrics import admission_refused, call_ended
from fhir_mappings.outcome import operation_outcome

log = structlog.get_logger()

# The views whose refusals are audited, once it is known who calls: strangers may not fill the log,
# and are counted where operators see it (clients/refused.py)
RECORDED = ("cds.call_service", "cds.take_feedback")
UNRECORDED = (AuditUnavailable, NotAdmitted)
BROKEN = (
    "the service failed while it worked on this call, so nothing was checked and no card is given; "
    "call again, and if it stays so give the operator the request id {request_id}"
)
NO_SUCH_PAGE = "there is nothing at this address; GET /cds-services lists the services"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """How one error is told."""

    name: str
    status: int
    issue_code: str
    text: str
    headers: Mapping[str, str] = field(default_factory=dict)
    elements: tuple[str, ...] = ()


def refuse(error: Exception, doors: Doors) -> Response:
    """Answer any error. What is unforeseen is told without detail; its place goes to the log."""
    refusal = _refusal(error, doors)
    fields = {"error": refusal.name, "status": refusal.status}
    if isinstance(error, NotAdmitted):  # counted, and not audited: see serving/admission.py
        log.info("call_not_admitted", **fields)
        admission_refused(error.reason)
    elif refusal.status >= 500 and not isinstance(error, SwitchedOff):
        log.error("call_failed", **fields, where=where_raised(error))
    else:
        log.info("call_refused", **fields)
    if request.endpoint in RECORDED and "caller" in g and not isinstance(error, UNRECORDED):
        _record(refusal, doors)
    if request.endpoint == "cds.call_service":
        call_ended(str((request.view_args or {}).get("service_id")), refusal.name)
    answer = jsonify(_outcome(refusal, g.request_id))
    answer.status_code = refusal.status
    answer.headers.update(refusal.headers)
    return answer


def _refusal(error: Exception, doors: Doors) -> Refusal:
    if isinstance(error, RequestEntityTooLarge):
        error = PayloadTooLarge(doors.settings.max_body_bytes)
    if isinstance(error, MethodNotAllowed):
        error = NotAllowed(tuple(sorted(error.valid_methods or ())))
    if isinstance(error, ServiceError):
        return Refusal(
            name=type(error).__name__,
            status=error.status,
            issue_code=error.issue_code,
            text=str(error),
            headers=error.headers,
            elements=error.elements,
        )
    if isinstance(error, HTTPException):
        return _http_refusal(error)
    text = BROKEN.format(request_id=g.request_id)
    return Refusal(name=type(error).__name__, status=500, issue_code="exception", text=text)


def _outcome(refusal: Refusal, request_id: str) -> dict[str, Any]:
    """The refusal in FHIR, with the request's id: as its own where FHIR takes it for an id."""
    severity = "fatal" if refusal.status >= 500 else "error"
    is_fhir_id = FHIR_ID.fullmatch(request_id) is not None
    return operation_outcome(
        severity,
        refusal.issue_code,
        refusal.text if is_fhir_id else f"{refusal.text} (request id {request_id})",
        expression=refusal.elements,
        outcome_id=request_id if is_fhir_id else None,
    )


def _http_refusal(error: HTTPException) -> Refusal:
    status = error.code or 500
    known = {404: ("not-found", NO_SUCH_PAGE)}
    text = f"the request cannot be answered ({error.name}); send it again as CDS Hooks has it"
    issue_code, text = known.get(status, ("processing", text))
    return Refusal(name=type(error).__name__, status=status, issue_code=issue_code, text=text)


def _record(refusal: Refusal, doors: Doors) -> None:
    """Put the refusal into the audit log. It is answered all the same when that fails."""
    service_id = (request.view_args or {}).get("service_id")
    known = {service.service_id for service in SERVICES}
    entry = ErrorEntry(
        event_id=new_event_id(),
        request_id=g.request_id,
        service_id=service_id if service_id in known else None,
        hook=g.get("hook"),
        hook_instance=g.get("hook_instance"),
        client=g.caller.client,
        received_at=datetime.now(UTC),
        status=refusal.status,
        code=refusal.name,
        message=refusal.text,
    )
    by = g.deadline.at_least(reserve_s(doors.settings.deadline_ms))
    try:
        within(by, doors.recorder.append_error, entry)
    except AuditUnavailable:
        log.error("refusal_not_recorded", error=refusal.name)
