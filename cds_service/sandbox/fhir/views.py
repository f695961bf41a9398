"""The addresses of the sandbox's FHIR server (FHIR R4 RESTful API)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, current_app, g, json, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from cds_service.sandbox.fhir.capability import capability_statement
from cds_service.sandbox.fhir.errors import (
    FhirRefused,
    LoginNeeded,
    NotValid,
    OtherMedia,
    ScopeMissing,
)
from cds_service.sandbox.fhir.grants import (
    FindGrant,
    Grant,
    bearer,
    may_see,
    require_grant,
    require_own,
)
from cds_service.sandbox.fhir.search import Pairs, search, searchset
from cds_service.sandbox.fhir.store import Resource, Store, valid_order
from cds_service.web.json_body import JsonRefused, read_json
from fhir_mappings.outcome import operation_outcome

FHIR_JSON = "application/fhir+json"
OPEN = frozenset({"fhir.show_metadata", "fhir.show_smart_configuration"})
CORS = {
    "Access-Control-Allow-Origin": "*",  # made-up patients, and no cookie is ever of use
    "Access-Control-Allow-Methods": "GET, POST, PUT, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, If-Match, Prefer",
    "Access-Control-Expose-Headers": "ETag, Location, Last-Modified",
}

fhir = Blueprint("fhir", __name__, url_prefix="/fhir")


@dataclass(frozen=True, slots=True, kw_only=True)
class FhirDesk:
    """What the addresses work with."""

    base: str  # the URL of the server
    store: Store
    find_grant: FindGrant
    is_open: bool = True  # whether one without a token may read and write
    smart: Mapping[str, Any] | None = None  # the SMART configuration


def _desk() -> FhirDesk:
    found: FhirDesk = current_app.extensions["fhir"]
    return found


@fhir.before_request
def identify() -> None:
    """Find what the request's token allows."""
    g.grant = None
    if request.method != "OPTIONS" and request.endpoint not in OPEN:
        desk = _desk()
        header = request.headers.get("Authorization")
        g.grant = bearer(header, desk.find_grant, is_open=desk.is_open)


@fhir.after_request
def allow_browsers(response: Response) -> Response:
    """Apps in browsers read from here."""
    response.headers.update(CORS)
    response.headers["Cache-Control"] = "no-store"
    return response


@fhir.get("/metadata")
def show_metadata() -> ResponseReturnValue:
    """Say what the server can do."""
    return _answer(capability_statement(_desk().base, _desk().smart))


@fhir.get("/.well-known/smart-configuration")
def show_smart_configuration() -> ResponseReturnValue:
    """Say where apps get their tokens."""
    return dict(_desk().smart or {})


@fhir.get("/<resource_type>")
def search_by_get(resource_type: str) -> ResponseReturnValue:
    """Search by a query string."""
    return _search(resource_type, list(request.args.items(multi=True)))


@fhir.post("/<resource_type>/_search")
def search_by_post(resource_type: str) -> ResponseReturnValue:
    """Search by a form, which keeps the query out of logs."""
    if request.content_length and not request.form:  # it would find everything
        raise OtherMedia("send the parameters as application/x-www-form-urlencoded")
    pairs = [*request.args.items(multi=True), *request.form.items(multi=True)]
    return _search(resource_type, pairs)


@fhir.get("/<resource_type>/<resource_id>")
def read(resource_type: str, resource_id: str) -> ResponseReturnValue:
    """One resource."""
    require_grant(_grant(), resource_type, "r")
    found = _desk().store.read(resource_type, resource_id)
    if not may_see(_grant(), found, "r"):
        raise ScopeMissing("the access token is for another patient")
    return _answer(found, headers=_versioned(found))


@fhir.post("/<resource_type>")
def create(resource_type: str) -> ResponseReturnValue:
    """Keep a new draft."""
    resource = _body(resource_type, "c")
    kept = _desk().store.create(resource)
    where = f"{_desk().base}/{resource_type}/{kept['id']}"
    return _answer(kept, 201, {**_versioned(kept), "Location": where})


@fhir.put("/<resource_type>/<resource_id>")
def update(resource_type: str, resource_id: str) -> ResponseReturnValue:
    """Replace an order: change it, sign it, stop it."""
    resource = _body(resource_type, "u")
    _require_own_before(resource_type, resource_id, "u")
    kept = _desk().store.update(resource, resource_id, request.headers.get("If-Match"))
    is_new = kept["meta"]["versionId"] == "1"
    return _answer(kept, 201 if is_new else 200, _versioned(kept))


@fhir.delete("/<resource_type>/<resource_id>")
def delete(resource_type: str, resource_id: str) -> ResponseReturnValue:
    """Take a draft away."""
    require_grant(_grant(), resource_type, "d")
    _require_own_before(resource_type, resource_id, "d")
    _desk().store.delete(resource_type, resource_id)
    return Response(status=204)


@fhir.errorhandler(FhirRefused)
def refuse(error: FhirRefused) -> ResponseReturnValue:
    """Every refusal is an OperationOutcome."""
    challenge = {"WWW-Authenticate": "Bearer"} if isinstance(error, LoginNeeded) else {}
    outcome = operation_outcome("error", error.code, str(error))
    return _answer(outcome, error.status, challenge)


def refuse_http(error: HTTPException) -> ResponseReturnValue:
    """What is no request of FHIR, also where no address of ours fits."""
    text = error.description or error.name
    kind = "not-found" if error.code == 404 else "processing"
    headers = {**CORS, **allow_of(error)}
    return _answer(operation_outcome("error", kind, text), error.code or 500, headers)


def allow_of(error: HTTPException) -> dict[str, str]:
    """The header Allow of an error that has one (RFC 9110 section 15.5.6)."""
    return {name: value for name, value in error.get_headers() if name == "Allow"}


def _grant() -> Grant | None:
    found: Grant | None = g.grant
    return found


def _search(resource_type: str, pairs: Pairs) -> ResponseReturnValue:
    grant, desk = _grant(), _desk()
    require_grant(grant, resource_type, "s")
    found = search(
        desk.store,
        resource_type,
        pairs,
        is_strict="handling=strict" in request.headers.get("Prefer", ""),
        may_see=lambda one: may_see(grant, one, "s"),
    )
    return _answer(searchset(found, desk.base, resource_type))


def _body(resource_type: str, interaction: str) -> Resource:
    require_grant(_grant(), resource_type, interaction)
    try:
        sent = read_json(request.get_data())
    except JsonRefused as refused:
        raise FhirRefused(f"the body is no JSON that is read here: {refused}") from None
    if not isinstance(sent, dict) or sent.get("resourceType") != resource_type:
        raise NotValid(f"the body is no {resource_type}: send one as JSON")
    resource = valid_order(sent)
    require_own(_grant(), resource, interaction)
    return resource


def _require_own_before(resource_type: str, resource_id: str, interaction: str) -> None:
    """See to it that what is replaced or deleted is of the token's patient as well."""
    there = _desk().store.all_of(resource_type)
    for one in there:
        if one["id"] == resource_id:
            require_own(_grant(), one, interaction)


def _answer(
    body: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    return Response(json.dumps(body), status, dict(headers or {}), content_type=FHIR_JSON)


def _versioned(resource: Mapping[str, Any]) -> dict[str, str]:
    return {"ETag": f'W/"{resource["meta"]["versionId"]}"'}
