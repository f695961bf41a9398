"""The door of /review: who comes in, from where, and under which headers pages leave."""

from threading import BoundedSemaphore

import structlog
from flask import Flask, Response, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from jinja2 import StrictUndefined
from werkzeug.exceptions import HTTPException, InternalServerError, ServiceUnavailable

from cds_service.audit.typed import LogAltered
from cds_service.doors import Doors
from cds_service.errors import AuditUnavailable
from cds_service.keys.service import KeysRefused
from cds_service.logs import where_raised
from cds_service.reviewer import views  # noqa: F401 - which makes the pages
from cds_service.reviewer.cookies import cookie_name, refuse_without_csrf
from cds_service.reviewer.desk import ReviewDesk
from cds_service.reviewer.menu import menu_of
from cds_service.reviewer.pages import MAY_SEE, desk, require_role, review
from cds_service.web.forms import refuse_foreign

log = structlog.get_logger()

AT_ONCE = 2  # requests of reviewers that a process works on: hook calls go on beside them
CHANGES = frozenset({"POST"})
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    # with the service's own no-referrer, browsers send "Origin: null" with every form
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}
_places = BoundedSemaphore(AT_ONCE)


def open_review(app: Flask, doors: Doors, found: ReviewDesk) -> None:
    """Put the pages into the web part."""
    app.extensions["review"] = found
    app.jinja_env.undefined = StrictUndefined
    app.register_blueprint(review)
    app.context_processor(lambda: _known_to_templates(doors))


@review.before_request
def let_in() -> ResponseReturnValue | None:
    """Find out who it is, and whether they may; what is not a page of MAY_SEE is open."""
    if request.endpoint == "review.static":
        return None
    if not _places.acquire(timeout=1):
        raise ServiceUnavailable("too many pages are being looked at; try again in a moment")
    g.has_place = True
    if request.method in CHANGES:
        refuse_foreign()  # before its session is looked at
    if request.endpoint not in MAY_SEE:
        return None
    found = desk().find_viewer(request.cookies.get(cookie_name(is_secure=desk().is_secure), ""))
    if found is None:
        return _to_sign_in()
    g.viewer = found
    if request.method in CHANGES:
        refuse_without_csrf(found.csrf)
    require_role(str(request.endpoint))
    return None


@review.teardown_request
def leave(_error: BaseException | None) -> None:
    """Give the place back."""
    if g.pop("has_place", False):
        _places.release()


@review.after_request
def add_own_headers(response: Response) -> Response:
    """Scripts and styles of our own, and nothing else."""
    response.headers.update(HEADERS)
    return response


@review.errorhandler(HTTPException)
def tell(error: HTTPException) -> ResponseReturnValue:
    """A refusal as a page; the request's id is in its header."""
    return render_template("review/refused.html", error=error), error.code or 500


@review.errorhandler(AuditUnavailable)
def tell_unavailable(_error: AuditUnavailable) -> ResponseReturnValue:
    """What could not be recorded is not shown."""
    return tell(ServiceUnavailable("the audit log cannot be reached, so nothing can be shown"))


@review.errorhandler(LogAltered)
def tell_altered(altered: LogAltered) -> ResponseReturnValue:
    """What somebody else has put into the database is not shown as if the service had."""
    return tell(InternalServerError(altered.reason))


@review.errorhandler(KeysRefused)
def tell_without_keys(refused: KeysRefused) -> ResponseReturnValue:
    """Heads cannot be verified without the keys that sign them."""
    return tell(ServiceUnavailable(f"the log's signing key cannot be read: {refused}"))


@review.errorhandler(Exception)
def tell_broken(error: Exception) -> ResponseReturnValue:
    """What nobody foresaw, told without detail; its place goes to the log."""
    log.error("page_failed", error=type(error).__name__, where=where_raised(error))
    return tell(InternalServerError("the service failed while it made this page"))


@review.get("/<path:_rest>")
def nothing_here(_rest: str) -> ResponseReturnValue:
    """An address that is none."""
    return render_template("review/refused.html", error=HTTPException("no such page")), 404


def _to_sign_in() -> ResponseReturnValue:
    """A part of a page would be put into the page: there the browser is told to leave it."""
    if "HX-Request" in request.headers:
        return Response(status=204, headers={"HX-Redirect": url_for("review.login")})
    return redirect(url_for("review.login", next=request.full_path), 303)


def _known_to_templates(doors: Doors) -> dict[str, object]:
    return {
        "viewer": g.get("viewer"),
        "menu": menu_of(g.viewer.roles) if "viewer" in g else (),
        "is_sandbox": not doors.settings.is_production,
        "is_demonstration": doors.is_demonstration,
    }
