"""The door of the app: under which headers its pages leave, and how a refusal is told."""

from threading import BoundedSemaphore

import structlog
from flask import Flask, Response, g, render_template
from flask.typing import ResponseReturnValue
from jinja2 import StrictUndefined
from werkzeug.exceptions import HTTPException, ServiceUnavailable

from cds_service.doors import Doors
from cds_service.errors import AuditUnavailable
from cds_service.smart import views  # noqa: F401 - which makes the pages
from cds_service.smart.desk import SmartDesk
from cds_service.smart.errors import AppRefused
from cds_service.smart.pages import banners, desk, smart

AT_ONCE = 2  # requests of the app that a process works on: hook calls go on beside them
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors "
)
_places = BoundedSemaphore(AT_ONCE)
log = structlog.get_logger()


def open_smart(app: Flask, doors: Doors, found: SmartDesk) -> None:
    """Put the app into the web part, which has the reviewers' pages: it prints in their style."""
    app.extensions["smart"] = found
    app.jinja_env.undefined = StrictUndefined
    app.register_blueprint(smart)
    app.extensions["smart_banners"] = {
        "is_sandbox": not doors.settings.is_production,
        "is_demonstration": doors.is_demonstration,
    }


@smart.before_request
def let_in() -> None:
    """Wait for a place: pages ask other servers, and take their time."""
    if not _places.acquire(timeout=2):
        raise ServiceUnavailable("too many pages are being looked at; try again in a moment")
    g.has_smart_place = True


@smart.teardown_request
def leave(_error: BaseException | None) -> None:
    """Give the place back."""
    if g.pop("has_smart_place", False):
        _places.release()


@smart.after_request
def add_own_headers(response: Response) -> Response:
    """No script at all, and a frame only in pages of an EHR that is registered for it.

    A page that refuses holds nothing of anybody, and may be shown wherever the app may.
    """
    origins = " ".join(desk().frame_origins(g.get("frame_client"))) or "'none'"
    response.headers["Content-Security-Policy"] = POLICY + origins
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return response


@smart.errorhandler(AppRefused)
def tell(refused: AppRefused) -> ResponseReturnValue:
    """Say what to do; why is for the operator's log."""
    log.warning("smart_refused", why=refused.why, error=type(refused).__name__)
    return _told(str(refused), refused.status)


@smart.errorhandler(HTTPException)
def tell_otherwise(error: HTTPException) -> ResponseReturnValue:
    """What Flask refuses, as a page."""
    return _told(error.description or error.name, error.code or 500)


@smart.errorhandler(AuditUnavailable)
def tell_unavailable(_error: AuditUnavailable) -> ResponseReturnValue:
    """What could not be recorded is not shown."""
    return _told("The audit log cannot be reached, so nothing can be shown. Try again.", 503)


def _told(text: str, status: int) -> ResponseReturnValue:
    return render_template("smart/refused.html", **banners(), told=text), status
