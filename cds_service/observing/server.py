"""gunicorn's own words: as lines of our log, and never with what stood in a request.

What gunicorn cannot read as HTTP it would log and send back as it came: a request line with a
patient's id in it, or a broken Authorization header with its token.
"""

import json
import logging
from contextlib import suppress
from http import HTTPStatus
from typing import Any
from uuid import uuid4

import structlog
from gunicorn import util  # type: ignore[import-untyped]
from gunicorn.glogging import Logger  # type: ignore[import-untyped]
from gunicorn.http import errors  # type: ignore[import-untyped]
from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]
from markupsafe import Markup

from cds_service.logs import where_raised
from cds_service.observing.metrics import request_answered
from cds_service.serving.arrival import page_wanted
from cds_service.web.headers import CAUTION, REQUEST_ID
from cds_service.web.pages import PAGE
from fhir_mappings.outcome import operation_outcome

log = structlog.get_logger()

STATUSES: dict[type[Exception], HTTPStatus] = {
    errors.LimitRequestLine: HTTPStatus.REQUEST_URI_TOO_LONG,
    errors.LimitRequestHeaders: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    errors.ExpectationFailed: HTTPStatus.EXPECTATION_FAILED,
    errors.UnsupportedTransferCoding: HTTPStatus.NOT_IMPLEMENTED,
}


class CautiousWorker(ThreadWorker):  # type: ignore[misc]
    """Answers what is no HTTP with an OperationOutcome that repeats none of it."""

    def handle_request(self, req: Any, conn: Any) -> bool:
        """Called by gunicorn for what it could read, also without the Host of RFC 9112 3.2."""
        if req.version >= (1, 1) and all(name != "HOST" for name, _ in req.headers):
            raise errors.InvalidHeader("HOST", req)
        return bool(super().handle_request(req, conn))

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Called by gunicorn for each request that it cannot read, or whose answer went wrong."""
        del req, addr
        request_id, status = str(uuid4()), status_of(exc)
        log.warning(
            "request_not_read",
            request_id=request_id,
            error=type(exc).__name__,
            status=status.value,
            where=where_raised(exc),
        )
        request_answered(None, status)
        with suppress(OSError):  # whoever sent it may have gone
            util.write_nonblock(client, answer_to(status, request_id, as_page=page_wanted.get()))


class JsonLogger(Logger):  # type: ignore[misc]
    """Hands gunicorn's messages to the root logger, whose handler is ours (see logs.py)."""

    def setup(self, cfg: Any) -> None:
        """Called by gunicorn; its debug messages quote requests and are never let through."""
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True
        self.error_log.setLevel(max(self.loglevel, logging.INFO))


def status_of(error: Exception) -> HTTPStatus:
    """The status for what gunicorn raised: the sender's fault where the request was no HTTP."""
    is_ours = isinstance(error, errors.InvalidResponseHeader | errors.InvalidResponseHeaderName)
    if is_ours or not isinstance(error, errors.ParseException):
        return HTTPStatus.INTERNAL_SERVER_ERROR
    return STATUSES.get(type(error), HTTPStatus.BAD_REQUEST)


def answer_to(status: HTTPStatus, request_id: str, *, as_page: bool = False) -> bytes:
    """The whole answer, after which the connection is closed; as a page for a browser."""
    media, body = _page(status, request_id) if as_page else _outcome(status, request_id)
    headers = CAUTION | {
        "Content-Type": media,
        "Content-Length": str(len(body)),
        "Connection": "close",
        REQUEST_ID: request_id,
    }
    lines = [f"HTTP/1.1 {status.value} {status.phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def _page(status: HTTPStatus, request_id: str) -> tuple[str, bytes]:
    is_long = status == HTTPStatus.REQUEST_URI_TOO_LONG
    why = "Its address is too long: go back, and shorten" if is_long else "Go back, and check"
    body = Markup("<p>This page cannot be shown. {} what was typed into the form.</p>").format(why)
    told = Markup("<p>Request id: {}</p>").format(request_id)
    page = PAGE.format(title=status.phrase, banners="", body=body + told)
    return "text/html; charset=utf-8", page.encode()


def _outcome(status: HTTPStatus, request_id: str) -> tuple[str, bytes]:
    text = (
        f"the request cannot be answered ({status.phrase}); send HTTP/1.1 as RFC 9112 has it, or "
        f"give the operator the request id {request_id}"
    )
    severity = "fatal" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "error"
    return "application/json", json.dumps(operation_outcome(severity, "structure", text)).encode()
