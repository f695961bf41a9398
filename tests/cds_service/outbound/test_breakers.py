"""A server that keeps failing is left alone, and asked again after a while."""

import socket
from http.server import BaseHTTPRequestHandler

import pytest

from cds_service.outbound.breakers import FAILURES, FORGET_S, OPEN_S, SPREAD_S, Breakers
from cds_service.outbound.errors import ReadFailed
from cds_service.outbound.urls import Origin
from cds_service.prefetch.fhir_client import FhirClient, FhirServer, Query
from cds_service.settings import Settings
from lamo.deadline import Deadline
from tests.calls import PATIENT
from tests.cds_service.outbound_fixtures import guard
from tests.fakes import LoopbackFhir, send_json

HERE = Origin("https", "ehr.test", 443)
ALONE = "has failed several times just now, and is left alone for 10 s"


class FakeClock:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def breakers(clock: FakeClock) -> Breakers:
    return Breakers(clock)


def fail(breakers: Breakers, clock: FakeClock, times: int, apart_s: float) -> None:
    for _ in range(times):
        breakers.enter(HERE)
        breakers.leave(HERE, answered=False)
        clock.now += apart_s


def opened(breakers: Breakers, clock: FakeClock) -> None:
    fail(breakers, clock, FAILURES, SPREAD_S / (FAILURES - 1))
    clock.now -= SPREAD_S / (FAILURES - 1)


def test_trouble_that_lasts_opens_it_for_a_while(breakers: Breakers, clock: FakeClock) -> None:
    opened(breakers, clock)
    with pytest.raises(ReadFailed, match=ALONE):
        breakers.enter(HERE)
    clock.now += OPEN_S - 0.5
    with pytest.raises(ReadFailed, match="left alone for 1 s"):
        breakers.enter(HERE)
    breakers.enter(HERE._replace(port=444))  # another server


def test_one_call_is_let_through_to_try(breakers: Breakers, clock: FakeClock) -> None:
    opened(breakers, clock)
    clock.now += OPEN_S
    breakers.enter(HERE)
    with pytest.raises(ReadFailed, match=ALONE):
        breakers.enter(HERE)
    breakers.leave(HERE, answered=True)
    breakers.enter(HERE)
    fail(breakers, clock, FAILURES - 1, SPREAD_S)  # counted from nothing again


def test_a_try_that_fails_leaves_it_alone_again(breakers: Breakers, clock: FakeClock) -> None:
    opened(breakers, clock)
    clock.now += OPEN_S
    fail(breakers, clock, 1, 0)
    with pytest.raises(ReadFailed, match=ALONE):
        breakers.enter(HERE)


@pytest.mark.parametrize(
    ("times", "apart_s"), [(FAILURES - 1, SPREAD_S), (50, 0.01), (50, FORGET_S + 1)]
)
def test_few_failures_a_burst_and_old_ones_open_nothing(
    breakers: Breakers, clock: FakeClock, times: int, apart_s: float
) -> None:
    fail(breakers, clock, times, apart_s)
    breakers.enter(HERE)


def test_one_answer_in_between_counts_from_nothing(breakers: Breakers, clock: FakeClock) -> None:
    for _ in range(3):
        fail(breakers, clock, FAILURES - 1, SPREAD_S)
        breakers.leave(HERE, answered=True)
    breakers.enter(HERE)


def ask(client: FhirClient, base: str, ms: float = 60_000) -> str | None:
    queries = [Query(key=key, url=key) for key in ("Patient/p1", "Condition", "Observation")]
    found = client.read_all(FhirServer(base=base), queries, Deadline.after_ms(ms))
    return found["Patient/p1"].failure


@pytest.mark.parametrize(
    ("status", "opens"), [(500, True), (503, True), (404, False), (401, False)]
)
def test_only_what_says_that_a_server_is_down_counts(
    fhir_server: LoopbackFhir, clock: FakeClock, status: int, opens: bool
) -> None:
    client = FhirClient(Settings(), guard(is_sandbox=True, breakers=Breakers(clock)))
    fhir_server.default = lambda handler: send_json(handler, {}, status)
    for _ in range(FAILURES):
        assert ask(client, fhir_server.base) not in (None, ALONE)
        clock.now += SPREAD_S / 2
    asked = len(fhir_server.asked)
    assert (ask(client, fhir_server.base) == ALONE.replace("10", "8")) is opens
    assert (len(fhir_server.asked) == asked) is opens


def test_a_server_that_is_back_is_read_again(clock: FakeClock, fhir_server: LoopbackFhir) -> None:
    def hang_up(handler: BaseHTTPRequestHandler) -> None:
        handler.connection.shutdown(socket.SHUT_RDWR)

    client = FhirClient(Settings(), guard(is_sandbox=True, breakers=Breakers(clock)))
    fhir_server.default = hang_up
    for _ in range(FAILURES):
        assert ask(client, fhir_server.base) == "could not be reached"
        clock.now += SPREAD_S / 2
    fhir_server.default = PATIENT
    assert "left alone" in str(ask(client, fhir_server.base))
    clock.now += OPEN_S
    assert [ask(client, fhir_server.base) for _ in range(2)] == [None, None]


def test_a_call_without_time_says_nothing_about_the_server(
    clock: FakeClock, fhir_server: LoopbackFhir
) -> None:
    client = FhirClient(Settings(), guard(is_sandbox=True, breakers=Breakers(clock)))
    for _ in range(FAILURES + 1):
        assert ask(client, fhir_server.base, ms=0) == "did not answer in time"
        clock.now += SPREAD_S
    assert fhir_server.asked == []
