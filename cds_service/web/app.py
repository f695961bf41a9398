"""The Flask application: two blueprints, one error handler, headers on every answer."""

import time

import structlog
from flask import Flask, Response, g, request
from flask.json.provider import DefaultJSONProvider

from cds_service.cards.text import counted
from cds_service.doors import Doors
from cds_service.observing.calls import watch_requests
from cds_service.observing.health import Health
from cds_service.observing.views import operate
from cds_service.reviewer.door import open_review
from cds_service.serving.arrival import arrived_at
from cds_service.smart.door import open_smart
from cds_service.stopwatch import Stopwatch
from cds_service.web.access import identify_caller
from cds_service.web.headers import CALLER, REQUEST_ID, add_headers, choose_request_id, told_of
from cds_service.web.refusals import refuse
from cds_service.web.views import bp
from lamo.deadline import Deadline

log = structlog.get_logger()

# what a log may hold of a method: anything else is a text of the sender's
METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})


class OrderedJson(DefaultJSONProvider):
    """JSON with members in the order in which they were put."""

    sort_keys = False
    compact = True


def create_app(doors: Doors) -> Flask:
    """Build the web part around what it hands calls to."""
    app = Flask("cds_service", static_folder=None)
    app.json = OrderedJson(app)
    app.config["MAX_CONTENT_LENGTH"] = doors.settings.max_body_bytes
    app.url_map.merge_slashes = False  # merging answers with a redirect, which clients refuse
    app.jinja_env.globals["counted"] = counted
    app.extensions["doors"] = doors
    app.extensions["health"] = Health(doors.checks)
    app.register_blueprint(bp)
    app.register_blueprint(operate)
    if doors.review is not None:
        open_review(app, doors, doors.review)
    if doors.smart is not None:
        open_smart(app, doors, doors.smart)
    app.before_request(lambda: _begin(doors))
    watch_requests(app, doors.traces)
    app.before_request(lambda: identify_caller(request, doors))
    app.register_error_handler(Exception, lambda error: refuse(error, doors))

    @app.after_request
    def finish(response: Response) -> Response:
        return _finish(response, doors)

    return app


def _begin(doors: Doors) -> None:
    g.started = time.perf_counter()
    g.watch = Stopwatch()
    since = arrived_at.get() or time.monotonic()
    g.deadline = Deadline(since + doors.settings.deadline_ms / 1000)
    g.request_id = choose_request_id(request.headers.get(REQUEST_ID))
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _finish(response: Response, doors: Doors) -> Response:
    ms = round((time.perf_counter() - g.started) * 1000, 1)
    method = request.method if request.method in METHODS else "other"
    route = request.url_rule.rule if request.url_rule else "other"
    log.info("answered", method=method, route=route, status=response.status_code, ms=ms)
    if "caller" in g and not doors.settings.is_production:
        response.headers[CALLER] = told_of(g.caller)
    return add_headers(
        response,
        request_id=g.request_id,
        origin=request.headers.get("Origin"),
        allowed_origins=doors.settings.allowed_origins,
    )
