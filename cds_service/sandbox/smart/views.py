"""The addresses of the authorization server."""

from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, current_app, redirect, request
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from cds_service.sandbox.ehr_keys import JWKS_PATH
from cds_service.sandbox.fhir.views import CORS
from cds_service.sandbox.smart.authorize import authorize
from cds_service.sandbox.smart.desk import SmartDesk
from cds_service.sandbox.smart.errors import ClientUnproven, OAuthRefused
from cds_service.sandbox.smart.token import exchange

smart = Blueprint("smart", __name__)


def _desk() -> SmartDesk:
    found: SmartDesk = current_app.extensions["smart"]
    return found


@smart.after_request
def allow_browsers(response: Response) -> Response:
    """Apps in browsers get their tokens here; nothing of it may be kept."""
    response.headers.update(CORS)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


@smart.route("/auth/authorize", methods=["GET", "POST"])
def begin() -> ResponseReturnValue:
    """Send the browser back to the app, with a code, or to the page where a person is asked."""
    return redirect(authorize(_desk(), _plain(request.values)), 303)


@smart.post("/auth/token")
def give_token() -> ResponseReturnValue:
    """Hand out tokens."""
    return exchange(_desk(), _plain(request.form))


@smart.post("/fhir/_services/smart/Launch")
def begin_launch() -> ResponseReturnValue:
    """Begin the launch of another app from one that runs, as the CDS Hooks Sandbox asks for it."""
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    session, asked = _desk().access.find(token), request.get_json(silent=True)
    if session is None:
        raise ClientUnproven("send the access token of a launched app as a bearer token")
    told = asked.get("parameters") if isinstance(asked, dict) else None
    if not isinstance(told, dict) or told.get("patient") != session.launch.patient:
        raise OAuthRefused("invalid_request", "parameters.patient is not that of the token")
    app_context = told.get("appContext")
    if app_context is not None and not isinstance(app_context, str):
        raise OAuthRefused("invalid_request", "parameters.appContext is no string")
    return {"launch_id": _desk().launches.put(replace(session.launch, app_context=app_context))}


@smart.post("/auth/revoke")
def revoke() -> ResponseReturnValue:
    """End a token and all that belong to it (RFC 7009); an unknown one is no error."""
    form = _plain(request.form)
    app, token = _desk().apps.proven(form), form.get("token", "")
    session = _desk().access.find(token) or _desk().refresh.find(token)
    if session is not None and session.client_id == app.client_id:
        _desk().end(session)
    return {}


@smart.post("/auth/introspect")
def introspect() -> ResponseReturnValue:
    """Say what a token of the asking app allows (RFC 7662)."""
    form = _plain(request.form)
    app = _desk().apps.proven(form)
    session = _desk().access.find(form.get("token", ""))
    if session is None or session.client_id != app.client_id:
        return {"active": False}
    return {
        "active": True,
        "client_id": session.client_id,
        "scope": " ".join(session.scopes),
        "patient": session.launch.patient,
        "fhirUser": f"{_desk().fhir_base}/{session.launch.user}",
    }


@smart.get(JWKS_PATH)
def show_keys() -> ResponseReturnValue:
    """The public keys: of calls to services, and of id_tokens."""
    return _desk().keys.jwks()


@smart.get("/.well-known/openid-configuration")
def show_openid_configuration() -> ResponseReturnValue:
    """What verifiers of id_tokens read."""
    return _desk().openid_configuration()


@smart.errorhandler(OAuthRefused)
def refuse(error: OAuthRefused) -> ResponseReturnValue:
    """Every refusal as RFC 6749 section 5.2 has it."""
    return error.to_json(), error.status


def _plain(sent: MultiDict[str, Any]) -> dict[str, str]:
    """The parameters, none of which may come twice (RFC 6749 section 3.1)."""
    if twice := [name for name, values in sent.lists() if len(values) > 1]:
        raise OAuthRefused("invalid_request", f"{len(twice)} parameters came more than once")
    return {str(name): str(value) for name, value in sent.items()}
