"""The addresses for whoever runs the service: is it up, what does it count, how is it called."""

import structlog
from flask import Blueprint, Response, current_app
from flask.typing import ResponseReturnValue

from cds_service.clients.page import refused_body
from cds_service.doors import Doors
from cds_service.observing.health import Found, Health
from cds_service.observing.metrics import exposition
from cds_service.observing.processes import counts_folder
from cds_service.web.openapi import describe_api
from cds_service.web.pages import render_page
from fhir_mappings.outcome import operation_outcome

log = structlog.get_logger()
operate = Blueprint("operate", __name__)

PROMETHEUS_TEXT = "text/plain; version=0.0.4; charset=utf-8"


@operate.get("/livez")
def tell_alive() -> ResponseReturnValue:
    """Say that the process answers."""
    return {"status": "alive"}


@operate.get("/readyz")
def tell_ready() -> ResponseReturnValue:
    """Say whether calls can be answered, and what each check found."""
    health: Health = current_app.extensions["health"]
    found = health.ask()
    failing = [one for one in found if one.is_needed and not one.is_ok]
    if failing:
        log.warning("not_ready", failing=len(failing))
        return _outcome(failing), 503
    return {
        "status": "ready",
        "checks": {one.name: {"ok": one.is_ok, "why": one.why} for one in found},
    }


@operate.get("/metrics")
def show_metrics() -> ResponseReturnValue:
    """Every count of all processes, for Prometheus."""
    folder = counts_folder(_doors().settings.var_dir)
    return Response(exposition(folder), content_type=PROMETHEUS_TEXT)


@operate.get("/operator/refused-tokens")
def show_refused_tokens() -> ResponseReturnValue:
    """Say why the last tokens were refused."""
    doors = _doors()
    return render_page(
        "Refused tokens",
        refused_body(doors.refused_tokens()),
        is_sandbox=not doors.settings.is_production,
        is_demonstration=doors.is_demonstration,
    )


@operate.get("/openapi.json")
def show_api() -> ResponseReturnValue:
    """Describe every address of the service."""
    return describe_api(_doors().settings)


def _doors() -> Doors:
    doors: Doors = current_app.extensions["doors"]
    return doors


def _outcome(failing: list[Found]) -> dict[str, object]:
    issues = [
        operation_outcome("error", "transient", f"{one.name}: {one.why}")["issue"][0]
        for one in failing
    ]
    return {"resourceType": "OperationOutcome", "issue": issues}
