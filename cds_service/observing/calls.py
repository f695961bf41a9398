"""What the rest of the service tells of a call: for the counts, and for its trace if it has one."""

import structlog
from flask import Flask, Response, g, request

from cds_service.observing import metrics
from cds_service.observing.metrics import SERVICE_IDS, Answered, counts
from cds_service.observing.traces import CallSpans, Traces, spans_of_call


def watch_requests(app: Flask, traces: Traces | None) -> None:
    """Count every answer of an application, and trace what is posted to it."""
    counts()  # made before threads could make them twice

    @app.before_request
    def begin() -> None:
        counts().in_flight.inc()
        spans_of_call.set(_begun(traces))

    @app.after_request
    def answer(response: Response) -> Response:
        route = request.url_rule.rule if request.url_rule else None
        metrics.request_answered(route, response.status_code)
        if (spans := spans_of_call.get()) is not None:
            spans.note(**_told())
            spans.end(str(route), response.status_code)
        return response

    @app.teardown_request
    def leave(_error: BaseException | None) -> None:
        spans_of_call.set(None)
        counts().in_flight.dec()


def stage_ended(stage: str, seconds: float) -> None:
    """Tell that one stage of a hook call has ended, well or not."""
    metrics.stage_ended(stage, seconds)
    if (spans := spans_of_call.get()) is not None:
        spans.stage(stage, seconds)


def call_decided(told: Answered) -> None:
    """Tell what a hook call led to, once it stands in the audit log."""
    metrics.call_decided(told)
    if (spans := spans_of_call.get()) is not None:
        spans.note(cards=len(told.cards), gaps=len(told.gaps), is_late=told.is_late)


def _begun(traces: Traces | None) -> CallSpans | None:
    rule = request.url_rule
    if traces is None or rule is None or request.method != "POST":
        return None
    spans = traces.begin(f"POST {rule.rule}", request.headers.get("traceparent"))
    structlog.contextvars.bind_contextvars(trace_id=spans.trace_id)
    return spans


def _told() -> dict[str, str]:
    """What is known of the call by now; the service only where there is one of this name."""
    named = {"hook": g.get("hook"), "service": (request.view_args or {}).get("service_id")}
    known = named["service"] in SERVICE_IDS
    return {name: text for name, text in named.items() if known and text}
