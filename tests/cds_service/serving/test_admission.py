"""What is refused at the door says when to come again, is counted, and leaves no audit entry."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cds_service.errors import Overloaded
from cds_service.observing.metrics import counts
from cds_service.serving.admission import Admission, Places
from cds_service.serving.client_limits import ClientLimits
from cds_service.trust import Caller
from cds_service.web.app import create_app
from lamo.deadline import Deadline
from tests.calls import hook_call
from tests.fakes import FakeRecorder
from tests.waiting import Waiters, wait_until

URL = "/cds-services/lamo-order-sign"
MakeClient = Callable[[ClientLimits, Places], FlaskClient]


@pytest.fixture
def guarded(client: FlaskClient) -> MakeClient:
    """Opens the application behind real limits; a request names its client as its token."""

    def make(limits: ClientLimits, places: Places) -> FlaskClient:
        doors = replace(
            client.application.extensions["doors"],
            admit=Admission(limits, places).one,
            identify=lambda presented, deadline: Caller(client=presented.authorization or "a"),
        )
        return create_app(doors).test_client()

    return make


def post(client: FlaskClient, path: str = URL, name: str = "a") -> TestResponse:
    return client.post(path, json=hook_call(), headers={"Authorization": name})


def issue(answer: TestResponse) -> Mapping[str, Any]:
    first: Mapping[str, Any] = answer.get_json()["issue"][0]
    return first


@contextmanager
def held(places: Places) -> Iterator[list[None]]:
    """All places are taken, and nobody may wait but one, who is told of when it got in."""
    waiters, entered = Waiters(), list[None]()
    with places.one(Deadline.after_ms(0)):
        wait = partial(_wait_for, places, waiters.deadline())
        waiting = threading.Thread(target=lambda: entered.extend(wait()))
        waiting.start()
        wait_until(lambda: waiters.have_come(1))
        yield entered
    waiting.join()


def _wait_for(places: Places, deadline: Deadline) -> Iterator[None]:
    with places.one(deadline):
        yield


def test_a_client_over_its_rate_is_told_when_to_come_again(
    guarded: MakeClient, recorder: FakeRecorder
) -> None:
    client = guarded(ClientLimits(0.1, 10, clock=lambda: 0.0), Places(1))
    assert post(client).status_code == 200
    answer = post(client)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "10")
    assert issue(answer)["code"] == "throttled"
    assert recorder.errors == []
    assert post(client, name="b").status_code == 200


def test_feedback_counts_as_a_request(guarded: MakeClient) -> None:
    client = guarded(ClientLimits(0.1, 10, clock=lambda: 0.0), Places(1))
    post(client)
    assert post(client, f"{URL}/feedback").status_code == 429


def test_a_client_with_too_much_in_flight_is_refused(
    guarded: MakeClient, recorder: FakeRecorder
) -> None:
    limits = ClientLimits(1000.0, 1)
    client = guarded(limits, Places(8))
    with limits.one("a"):
        answer = post(client)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        assert issue(answer)["code"] == "throttled"
        assert post(client, name="b").status_code == 200
    assert post(client).status_code == 200
    assert recorder.errors == []


def test_a_full_process_refuses_calls_and_answers_everything_else(guarded: MakeClient) -> None:
    places = Places(1)
    client = guarded(ClientLimits(1000.0, 100), places)
    with held(places):
        answer = post(client)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        assert "more calls came" in issue(answer)["diagnostics"]
        for path in ("/livez", "/readyz", "/metrics", "/cds-services"):
            assert client.get(path).status_code == 200, path
    assert post(client).status_code == 200


def test_a_place_that_gets_free_in_time_is_taken() -> None:
    with held(Places(1)) as entered:
        assert entered == []
    assert len(entered) == 1


def test_a_place_is_not_waited_for_past_the_deadline() -> None:
    places = Places(1)
    with places.one(Deadline.after_ms(0)):
        with pytest.raises(Overloaded, match="more calls came"), places.one(Deadline.after_ms(20)):
            pass
    with places.one(Deadline.after_ms(0)):
        pass


def test_what_is_not_let_in_is_counted(guarded: MakeClient) -> None:
    counts.cache_clear()
    client = guarded(ClientLimits(0.1, 10, clock=lambda: 0.0), Places(1))
    for _ in range(3):
        post(client)
    page = client.get("/metrics").text
    assert 'lamo_admissions_refused_total{reason="rate"} 2.0' in page
