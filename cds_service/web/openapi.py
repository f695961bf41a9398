"""The service as an OpenAPI 3.1 description, made from what is served so that it cannot drift.

Sources: OpenAPI 3.1.1; CDS Hooks 2.0 and 3.0 ballot, Discovery, Calling a CDS Service, Feedback.
"""

from collections.abc import Mapping
from importlib.metadata import version

from cds_service import errors
from cds_service.errors import ServiceError
from cds_service.hooks.discovery import SERVICES, USAGE_REQUIREMENTS, Service
from cds_service.settings import Settings
from cds_service.web.headers import REQUEST_ID
from cds_service.web.openapi_schemas import (
    FREE,
    TEXT,
    Json,
    feedback_name,
    request_name,
    schemas,
)

CLIENT = "clientToken"
OPERATOR = ("operatorToken", "operatorPassword")
CHECKED = (401, 403, 405, 429, 500, 503)  # refusals before a body is read
OPEN = (405, 500)
UNFORESEEN = "The service failed; nothing was checked."


def describe_api(settings: Settings) -> Json:
    """Every address of the service, how it is asked and what it answers."""
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "LAMO CDS service",
            "version": version("lamo-cds"),
            "summary": "A CDS Hooks service against over-prescribing",
            "description": USAGE_REQUIREMENTS,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": settings.base_url}],
        "paths": _paths(settings),
        "components": {
            "schemas": schemas(),
            "headers": {"RequestId": _request_id()},
            "securitySchemes": _security_schemes(),
        },
    }


def _paths(settings: Settings) -> Json:
    client: list[Json] = [{CLIENT: []}] if settings.is_production else [{}, {CLIENT: []}]
    discovery = {"security": client, "responses": _answers("Discovery", CHECKED)}
    paths: Json = {
        "/": {"get": _open("The page for a person", _content("text/html", TEXT))},
        "/cds-services": {"get": {"summary": "List the services"} | discovery},
    }
    for service in SERVICES:
        for path, posted in _posts(service).items():
            paths[path] = {"post": posted | {"security": client}}
    described = _content("application/json", FREE)
    ready = _answers("Health", (*OPEN, 503))
    return paths | {
        "/livez": {"get": _open("Say that the process answers", described)},
        "/readyz": {"get": {"summary": "Say whether calls can be answered", "responses": ready}},
        "/model-card": {"get": _open("What is stated and measured of the model", described)},
        "/model-card.html": {
            "get": _open("The same for a person", _content("text/html", TEXT)),
        },
        "/favicon.ico": {"get": _open("The icon", _content("image/svg+xml", TEXT))},
        "/openapi.json": {"get": _open("This description", described)},
        "/metrics": {"get": _operators(settings, "Counts for Prometheus", "text/plain")},
        "/operator/refused-tokens": {
            "get": _operators(settings, "Why the last tokens were refused", "text/html")
        },
    }


def _posts(service: Service) -> Json:
    """The two addresses of one service."""
    base = f"/cds-services/{service.service_id}"
    told = {"200": _answer("It is recorded.", None)} | _refusals(_but(404, 412))
    return {
        base: {
            "summary": service.title,
            "description": service.description,
            "requestBody": _body(request_name(service)),
            "responses": _answers("Cards", _but(404)),
        },
        f"{base}/feedback": {
            "summary": f"What was done with the cards of: {service.title}",
            "requestBody": _body(feedback_name()),
            "responses": told,
        },
    }


def _operators(settings: Settings, summary: str, media_type: str) -> Json:
    """What is for operators; in production without their key it is not there."""
    return {
        "summary": summary,
        "security": [{name: []} for name in OPERATOR] if settings.operator_key else [{}],
        "responses": {"200": _answer(summary, _content(media_type, TEXT))}
        | _refusals((401, 404, *OPEN, 503)),
    }


def _open(summary: str, content: Json) -> Json:
    answers = {"200": _answer(summary, content)} | _refusals(OPEN)
    return {"summary": summary, "security": [], "responses": answers}


def _body(schema: str) -> Json:
    return {"required": True, "content": _content("application/json", _ref(schema))}


def _answers(schema: str, refused: tuple[int, ...]) -> Json:
    content = _content("application/json", _ref(schema))
    return {"200": _answer(schema, content)} | _refusals(refused)


def _answer(description: str, content: Json | None) -> Json:
    headers = {REQUEST_ID: {"$ref": "#/components/headers/RequestId"}}
    return {"description": description, "headers": headers} | (
        {"content": content} if content else {}
    )


def _content(media_type: str, schema: Json) -> Json:
    return {media_type: {"schema": schema}}


def _ref(schema: str) -> Json:
    return {"$ref": f"#/components/schemas/{schema}"}


def _refusals(statuses: tuple[int, ...]) -> Json:
    outcome, meanings = _content("application/json", _ref("OperationOutcome")), _meanings()
    return {
        str(status): _answer(meanings.get(status, UNFORESEEN), outcome)
        for status in sorted(set(statuses))
    }


def _but(*left_out: int) -> tuple[int, ...]:
    """Every status with which a call may be refused, but for some."""
    return tuple(status for status in (*_meanings(), 500) if status not in left_out)


def _meanings() -> Mapping[int, str]:
    """When each status is answered, by the first sentence of its errors."""
    known = (one for one in vars(errors).values() if isinstance(one, type))
    found: dict[int, str] = {}
    for error in known:
        if issubclass(error, ServiceError) and error is not ServiceError:
            sentence = str(error.__doc__).partition(". ")[0].rstrip(".") + "."
            found[error.status] = " ".join(filter(None, (found.get(error.status), sentence)))
    return found


def _request_id() -> Json:
    return {
        "description": "By which the operator finds this request: the client's own where it is "
        "harmless, else a new one",
        "required": True,
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
    }


def _security_schemes() -> Json:
    token, password = OPERATOR
    return {
        CLIENT: {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "A token of a registered client for the very URL that is called "
            "(CDS Hooks, Trusting CDS Clients); without one a sandbox service takes anybody",
        },
        token: {"type": "http", "scheme": "bearer", "description": "The operator's key"},
        password: {
            "type": "http",
            "scheme": "basic",
            "description": "The operator's key, any user",
        },
    }
