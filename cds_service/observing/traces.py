"""One trace for a hook call, a span for each of its stages, sent to an OpenTelemetry collector.

Only where the settings name a collector; without one nothing here is imported or run. A span holds
names of services, hooks and stages, counts and the status: no id of a patient or a user.
"""

import time
from contextvars import ContextVar
from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

PATH = "/v1/traces"  # of OTLP over HTTP, below the URL of a collector
EXPORTER = "opentelemetry.exporter.otlp.proto.http.trace_exporter"
Attribute = str | int | float | bool


class TracesRefused(Exception):  # noqa: N818 - a situation
    """Traces are asked for and cannot be made."""


class CallSpans:
    """The spans of one call."""

    def __init__(self, tracer: "Tracer", name: str, traceparent: str | None) -> None:
        """Begin the span of the call.

        Args:
            tracer: makes spans.
            name: method and address, as the application's rule has it.
            traceparent: the W3C Trace Context header of the request. A malformed one is as none;
                tracestate is free text and is not taken over.
        """
        from opentelemetry.trace import SpanKind, set_span_in_context
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        carrier = {"traceparent": traceparent} if traceparent else {}
        before = TraceContextTextMapPropagator().extract(carrier)
        self._tracer = tracer
        self._span = tracer.start_span(name, context=before, kind=SpanKind.SERVER)
        self._inside = set_span_in_context(self._span)

    @property
    def trace_id(self) -> str:
        """By which a log line finds its trace: 32 hexadecimal digits."""
        return f"{self._span.get_span_context().trace_id:032x}"

    def stage(self, stage: str, seconds: float) -> None:
        """Add the span of a stage that has just ended."""
        ended = time.time_ns()
        started = ended - round(seconds * 1e9)
        span = self._tracer.start_span(stage, context=self._inside, start_time=started)
        span.set_attribute("lamo.stage", stage)
        span.end(end_time=ended)

    def note(self, **attributes: Attribute) -> None:
        """Put attributes on the span of the call, each under `lamo.`."""
        self._span.set_attributes({f"lamo.{name}": value for name, value in attributes.items()})

    def end(self, route: str, status: int) -> None:
        """End the span of the call with its HTTP status."""
        from opentelemetry.trace import StatusCode

        self._span.set_attributes({"http.route": route, "http.response.status_code": status})
        if status >= 500:
            self._span.set_status(StatusCode.ERROR)
        self._span.end()


class Traces:
    """Makes spans and sends them in batches, from a thread of this process."""

    def __init__(self, url: str) -> None:
        """Start the thread: to be called in each worker, after the fork.

        Args:
            url: of a collector that takes OTLP over HTTP, with or without its /v1/traces.
        """
        import requests
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        session = requests.Session()
        session.trust_env = False  # no proxy that the environment happens to name
        exporter = OTLPSpanExporter(url if url.endswith(PATH) else f"{url}{PATH}", session=session)
        named = {"service.name": "lamo-cds", "service.version": version("lamo-cds")}
        self._provider = TracerProvider(resource=Resource.create(named))
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("cds_service")

    def begin(self, name: str, traceparent: str | None) -> CallSpans:
        """Begin the spans of one call (see `CallSpans`)."""
        return CallSpans(self._tracer, name, traceparent)

    def close(self) -> None:
        """Send what is left, and end the thread. At the end of the process it happens by itself."""
        self._provider.shutdown()


spans_of_call: ContextVar[CallSpans | None] = ContextVar("spans_of_call", default=None)


def check_traces() -> None:
    """Return when traces can be made.

    Raises:
        TracesRefused: the packages are not installed.
    """
    try:
        import_module(EXPORTER)
    except ImportError:
        raise TracesRefused(
            "LAMO_TRACES_URL is set, and the packages that make traces are not installed: "
            "run `pip install 'lamo-cds[traces]'`, or unset it"
        ) from None
