"""What every answer carries, errors and preflights too: CORS for named origins, and caution."""

import re
from collections.abc import Iterable
from uuid import uuid4

from flask import Response

from cds_service.audit.receipts import HEADER
from cds_service.stopwatch import Stopwatch
from cds_service.trust import Caller

REQUEST_ID = "X-Request-Id"
CALLER = "Lamo-Caller"
SERVER_TIMING = "Server-Timing"
SAFE_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)

CAUTION = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
CORS = {
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Allow-Headers": f"Authorization, Content-Type, {REQUEST_ID}",
    "Access-Control-Expose-Headers": f"{REQUEST_ID}, {HEADER}",
    "Access-Control-Max-Age": "600",
}


def choose_request_id(offered: str | None) -> str:
    """The client's id for this request where it is harmless to repeat and log, else a new one."""
    if offered and SAFE_REQUEST_ID.fullmatch(offered):
        return offered
    return str(uuid4())


def told_of(caller: Caller) -> str:
    """Who a sandbox took the caller for, and why no token was believed, for who tries them."""
    return f"{caller.client}; token-refused={caller.doubt}" if caller.doubt else caller.client


def server_timing(watch: Stopwatch) -> str:
    """Milliseconds by stage, and in all, for whoever integrates (W3C Server Timing)."""
    stages = watch.stage_ms | {"total": watch.total_ms()}
    return ", ".join(f"{stage};dur={ms:.1f}" for stage, ms in stages.items())


def is_allowed_origin(origin: str, allowed: Iterable[str]) -> bool:
    """Whether a browser origin is on the list; 'http://localhost:*' allows any port."""
    for entry in allowed:
        stem = entry.removesuffix(":*")
        if origin == entry or (stem != entry and _differs_by_port(origin, stem)):
            return True
    return False


def add_headers(
    response: Response, *, request_id: str, origin: str | None, allowed_origins: Iterable[str]
) -> Response:
    """Complete one answer. Credentials are never allowed, so no cookie is ever of use."""
    for name, value in CAUTION.items():
        response.headers.setdefault(name, value)  # the reviewers' pages have scripts of their own
    response.headers[REQUEST_ID] = request_id
    response.vary.add("Origin")
    if origin and is_allowed_origin(origin, allowed_origins):
        response.headers.update(CORS)
        response.headers["Access-Control-Allow-Origin"] = origin
    return response


def _differs_by_port(origin: str, stem: str) -> bool:
    return origin == stem or re.fullmatch(r":\d{1,5}", origin.removeprefix(stem)) is not None
