"""The addresses of the embedded scorer, as `RemoteScorer` asks for them in vLLM's dialect."""

import hmac
import time
from dataclasses import dataclass

import structlog
from flask import Blueprint, Flask, Response, current_app, g, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from cds_service.observing.health import Health
from cds_service.scorer.answering import Answering
from cds_service.scorer.question import Unanswerable, read_question
from cds_service.serving.arrival import arrived_at
from cds_service.settings import Settings
from lamo.deadline import Deadline
from lamo.scoring.base import ScorerUnavailable

log = structlog.get_logger()
bp = Blueprint("scorer", __name__)

OPEN = ("scorer.tell_alive", "scorer.tell_ready")  # for probes, which have no key


@dataclass(frozen=True, slots=True, kw_only=True)
class ScorerDoors:
    """Where the views lead to."""

    settings: Settings
    answering: Answering
    health: Health


def create_scorer_app(doors: ScorerDoors) -> Flask:
    """Build the web part of the scorer."""
    app = Flask("cds_service.scorer", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = doors.settings.max_body_bytes
    app.extensions["doors"] = doors
    app.register_blueprint(bp)
    app.before_request(_begin)
    app.after_request(_finish)
    app.register_error_handler(Unanswerable, lambda error: _refuse(error.status, str(error)))
    app.register_error_handler(ScorerUnavailable, lambda error: _refuse(503, str(error)))
    app.register_error_handler(HTTPException, lambda error: _refuse(error.code, str(error.name)))
    return app


@bp.get("/v1/models")
def list_models() -> ResponseReturnValue:
    """Every group's adapter, as a model."""
    rows = [{"id": name, "object": "model"} for name in _doors().answering.adapters]
    return {"object": "list", "data": rows}


@bp.post("/generative_scoring")
def score() -> ResponseReturnValue:
    """The chance of Yes against No behind each item; 503 when not in time, to be tried again."""
    doors = _doors()
    question = read_question(request.get_data(cache=False))
    since = arrived_at.get() or time.monotonic()
    deadline = Deadline(since + doors.settings.deadline_ms / 1000)
    chances = doors.answering.chances(question, deadline)
    rows = [{"index": index, "score": chance} for index, chance in enumerate(chances)]
    return {"object": "list", "model": question.model, "data": rows}


@bp.get("/livez")
def tell_alive() -> ResponseReturnValue:
    """Say that the process answers."""
    return {"status": "alive"}


@bp.get("/readyz")
def tell_ready() -> ResponseReturnValue:
    """Say whether the model scores."""
    (found,) = _doors().health.ask()
    status = "ready" if found.is_ok else "not ready"
    checks = {found.name: {"ok": found.is_ok, "why": found.why}}
    return {"status": status, "checks": checks}, 200 if found.is_ok else 503


def _doors() -> ScorerDoors:
    doors: ScorerDoors = current_app.extensions["doors"]
    return doors


def _begin() -> ResponseReturnValue | None:
    g.started = time.perf_counter()
    key = _doors().settings.scorer_key
    if key is None or request.endpoint in OPEN:
        return None
    shown = request.headers.get("Authorization", "").encode()
    if hmac.compare_digest(shown, f"Bearer {key.get_secret_value()}".encode()):
        return None
    return _refuse(401, "a bearer token is wanted that is LAMO_SCORER_KEY of this server")


def _finish(response: Response) -> Response:
    ms = round((time.perf_counter() - g.started) * 1000, 1)
    route = request.url_rule.rule if request.url_rule else "other"
    log.info("answered", route=route, status=response.status_code, ms=ms)
    return response


def _refuse(status: int | None, reason: str) -> ResponseReturnValue:
    """In the form that OpenAI-compatible servers have."""
    body = {"error": {"message": reason, "code": status or 500}}
    return body, status or 500, {"WWW-Authenticate": "Bearer"} if status == 401 else {}
