"""Logs as JSON lines: ids of events, counts and milliseconds, never what a patient owns.

Numbers pass. A string passes only under a name that is known to be safe, so a value that slips
into a log call by accident is not printed.
"""

import logging
import sys
import threading
import traceback
from collections.abc import MutableMapping
from typing import Any

import structlog

SAFE_NAMES = frozenset(
    {"event", "level", "timestamp", "logger", "request_id", "hook_instance", "service_id", "hook"}
    | {"method", "stage", "error", "where", "state", "url", "version", "artifact", "key", "kind"}
    | {"route", "outcome", "trace_id"}
    | {"head", "why"}  # a signed head of the audit log; a reason in words of ours, quoting nothing
)
SPOKEN = frozenset({"gunicorn.error"})  # loggers whose messages are known to quote no request

log = structlog.get_logger()


def configure_logs(level: str) -> None:
    """Send the logs to stderr, one JSON object a line.

    A line is written at once with its end: processes share the stream, and print() writes the end
    by itself, before which the line of another process may come.
    """
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            hold_back_strings,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=lambda *_names: structlog.WriteLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )


def hold_back_strings(
    logger: object, method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Let numbers pass, and strings under safe names; hold back everything else."""
    del logger, method
    return {name: value if _is_safe(name, value) else "held back" for name, value in event.items()}


def route_libraries() -> None:
    """Send what libraries log or warn of, and what ends a thread, through our lines."""
    logging.basicConfig(handlers=[LibraryLines()], level=logging.WARNING, force=True)
    logging.captureWarnings(True)
    threading.excepthook = _tell_of_thread


class LibraryLines(logging.Handler):
    """Makes a library's log record a line of ours, without its message, which may quote data."""

    def emit(self, record: logging.LogRecord) -> None:
        """Say which library logged, from where, and the kind of the error."""
        error = record.exc_info[1] if record.exc_info else None
        is_spoken = record.name in SPOKEN
        event = record.getMessage().partition("\n")[0] if is_spoken else "library"
        place = {} if is_spoken else {"where": f"{record.funcName}:{record.lineno}"}
        if error is not None:
            place = {"where": where_raised(error), "error": type(error).__name__}
        log.log(record.levelno, event, logger=record.name, **place)


def _tell_of_thread(ended: threading.ExceptHookArgs) -> None:
    if ended.exc_value is not None:
        kind, place = type(ended.exc_value).__name__, where_raised(ended.exc_value)
        log.error("thread_failed", error=kind, where=place)


def where_raised(error: BaseException) -> str:
    """The functions that an error passed through, without its message, which may quote data."""
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    return " > ".join(f"{frame.name}:{frame.lineno}" for frame in frames)


def _is_safe(name: str, value: object) -> bool:
    return isinstance(value, bool | int | float | None) or name in SAFE_NAMES
