"""The door of the pages: from where they may be called, and under which headers they leave."""

from importlib.resources import files

from flask import Blueprint, Flask, Response, current_app, g, render_template, request, send_file
from flask.typing import ResponseReturnValue
from jinja2 import StrictUndefined
from werkzeug.exceptions import HTTPException, NotFound

from cds_service.sandbox.ehr.desk import EhrDesk
from cds_service.sandbox.fhir.views import allow_of
from cds_service.sandbox.patients import SandboxPatient
from cds_service.web.forms import refuse_foreign

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
GENERAL: dict[int, str] = {  # of errors that nobody here has raised
    404: "There is nothing at this address.",
    405: "This is the address of a button, and cannot be opened: click it on its page.",
}
SHARED = {  # of the reviewers' pages
    "review.css": "static/review.css",
    "htmx.min.js": "static/vendor/htmx.min.js",
}

ehr = Blueprint(
    "ehr", __name__, template_folder="templates", static_folder="static",
    static_url_path="/ehr/static",
)  # fmt: skip


def open_ehr(app: Flask, found: EhrDesk) -> None:
    """Put the pages into the sandbox."""
    app.extensions["ehr"] = found
    app.jinja_env.undefined = StrictUndefined
    app.register_blueprint(ehr)


def desk() -> EhrDesk:
    """What the pages of this app work with."""
    found: EhrDesk = current_app.extensions["ehr"]
    return found


def patient_or_404(patient_id: str) -> SandboxPatient:
    """The patient of an address."""
    found = desk().patient(patient_id)
    if found is None:
        raise NotFound("there is no such patient: choose one of the list")
    return found


@ehr.get("/ehr/shared/<name>")
def shared(name: str) -> ResponseReturnValue:
    """A file that the reviewers' pages have as well."""
    if name not in SHARED:
        raise NotFound("there is no such file")
    return send_file(str(files("cds_service.reviewer") / SHARED[name]))


@ehr.before_request
def guard_forms() -> None:
    """A form of another site may change nothing here."""
    if request.method == "POST":
        refuse_foreign()


@ehr.after_request
def add_headers(response: Response) -> Response:
    """Scripts and styles of our own, and nothing else; a view may put its own into g.headers."""
    response.headers.update(HEADERS | g.get("headers", {}))
    return response


@ehr.errorhandler(HTTPException)
def tell(error: HTTPException) -> ResponseReturnValue:
    """A refusal as a page, also where no address of ours fits."""
    is_general = error.description == type(error).description
    text = (
        GENERAL.get(error.code or 500, error.description or "") if is_general else error.description
    )
    page = render_template("ehr/refused.html", error=error, text=text)
    return page, error.code or 500, {**HEADERS, **allow_of(error)}


@ehr.app_context_processor
def known_to_templates() -> dict[str, object]:
    """What every page shows."""
    return {
        "service_url": desk().client.url,
        "fhir_base": desk().smart.fhir_base,
        "users": desk().users,
        "sitting": desk().sitting,
    }
