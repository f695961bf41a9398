"""Traces, as a collector gets them."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from cds_service.observing.calls import stage_ended
from cds_service.observing.traces import Traces, spans_of_call
from cds_service.settings import Settings
from tests.calls import hook_call
from tests.cds_service.observing.conftest import Opened
from tests.collector import LoopbackCollector, attributes, loopback_collector
from tests.fakes import FakeDecide

URL = "/cds-services/lamo-order-sign"
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
def collector() -> Iterator[LoopbackCollector]:
    with loopback_collector() as running:
        yield running


@pytest.fixture
def traces(collector: LoopbackCollector) -> Iterator[Traces]:
    made = Traces(collector.url)
    yield made
    made.close()


@pytest.fixture
def client(
    client: FlaskClient, opened: Opened, settings: Settings, traces: Traces, decide: FakeDecide
) -> FlaskClient:
    decide.cards = []
    return opened(settings, traces=traces)


def test_a_call_is_a_span_with_its_status_and_service(
    client: FlaskClient, traces: Traces, collector: LoopbackCollector
) -> None:
    client.post(URL, json=hook_call())
    client.get("/livez")  # what is only asked for is no call
    traces.close()
    *_, span = collector.spans  # after its stages
    assert span.name == "POST /cds-services/<service_id>"
    assert attributes(span) == {
        "http.route": "/cds-services/<service_id>",
        "http.response.status_code": 200,
        "lamo.service": "lamo-order-sign",
        "lamo.hook": "order-sign",
    }
    assert collector.paths == ["/v1/traces"]


def test_a_stage_is_a_span_within_the_call(
    client: FlaskClient, traces: Traces, collector: LoopbackCollector, decide: FakeDecide
) -> None:
    spans = traces.begin("POST /x", None)
    spans_of_call.set(spans)
    stage_ended("score", 0.25)
    spans_of_call.set(None)
    spans.end("/x", 503)
    traces.close()
    stage, call = collector.spans
    assert (stage.name, stage.parent_span_id) == ("score", call.span_id)
    assert stage.end_time_unix_nano - stage.start_time_unix_nano == 250_000_000
    assert (call.status.code, stage.status.code) == (2, 0)


@pytest.mark.parametrize(
    ("sent", "wanted"),
    [
        (PARENT, "4bf92f3577b34da6a3ce929d0e0e4736"),
        ("00-Quill-00f067aa0ba902b7-01", None),
        (f"{PARENT}\x1b[31m", None),
        ("", None),
    ],
)
def test_a_trace_of_the_clients_is_gone_on_with(
    sent: str, wanted: str | None, client: FlaskClient, traces: Traces, collector: Any
) -> None:
    headers = {"traceparent": sent, "tracestate": "quill=marta"}
    client.post(URL, json=hook_call(), headers=headers)
    traces.close()
    *_, span = collector.spans  # after its stages
    assert (span.trace_id.hex() == wanted) == (wanted is not None)
    assert b"marta" not in collector.bodies[0]
    assert b"Quill" not in collector.bodies[0]


def test_a_client_that_does_not_sample_is_not_traced(
    client: FlaskClient, traces: Traces, collector: LoopbackCollector
) -> None:
    client.post(URL, json=hook_call(), headers={"traceparent": PARENT[:-1] + "0"})
    traces.close()
    assert collector.spans == []


def test_a_collector_that_fails_costs_no_call(
    client: FlaskClient, traces: Traces, collector: LoopbackCollector
) -> None:
    collector.status = 400
    assert client.post(URL, json=hook_call()).status_code == 200
    traces.close()


def test_without_a_collector_nothing_of_it_is_imported() -> None:
    program = (
        "import sys, cds_service.serve; sys.exit(any('opentelemetry' in m for m in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_missing_packages_stop_the_start_in_one_line() -> None:
    program = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "from cds_service.cli import main; sys.argv = ['lamo-cds', 'serve']; main()"
    )
    environment = {"LAMO_TRACES_URL": "http://127.0.0.1:9", "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(
        "Error: LAMO_TRACES_URL is set, and the packages that make traces"
    )
    assert "pip install 'lamo-cds[traces]'" in done.stderr
    assert done.stderr.count("\n") == 1
