"""Every odd request of odd_requests.py gets what its row says.

The web part, the prefetch, the mapping, the rules and the audit log are the real ones; the model
supports everything, so that a card says what the request brought about and nothing else.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from cds_service.audit.migrate import upgrade
from cds_service.decision import decide
from cds_service.settings import Settings
from cds_service.tools import Tools, build_tools
from cds_service.trust import Caller
from cds_service.web.app import create_app
from tests.calls import PATIENT, hook_call, searchset
from tests.cds_service.card_rules import empties
from tests.cds_service.odd_requests import (
    CALLS,
    FEEDBACK,
    OUTCOME,
    TOLD,
    Json,
    access,
    allergy,
    held,
)
from tests.fakes import FakeScorer, LoopbackFhir, send_json


@dataclass(frozen=True)
class Service:
    client: FlaskClient
    tools: Tools

    def post(self, body: Json, path: str = "") -> tuple[int, str]:
        """(status, text) of the answer to a call, or to feedback on the order-sign service."""
        url = f"/cds-services/{path or 'lamo-' + body['hook']}"
        answer = self.client.post(url, json=body)
        assert not set(empties(answer.get_json())) - {"$.cards"}
        return answer.status_code, answer.text

    def recorded(self) -> Json:
        newest = self.tools.audit_log.list_events(limit=1)[0]
        return dict(self.tools.audit_log.find_event(newest.event_id).body)


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tools]:
    folder: Path = tmp_path_factory.mktemp("var")
    settings = Settings(var_dir=folder, deadline_ms=60_000)
    upgrade(settings.database_url)
    built = build_tools(settings, scorer=FakeScorer(default=20.0))
    yield built
    built.audit_log.close()


@pytest.fixture
def service(client: FlaskClient, tools: Tools) -> Service:
    doors = replace(
        client.application.extensions["doors"],
        decide=partial(decide, tools=tools),
        recorder=tools.audit_log,
    )
    return Service(create_app(doors).test_client(), tools)


@pytest.mark.parametrize(
    ("change", "status", "says", "gaps"),
    [row[1:] for row in CALLS],
    ids=[row[0].replace(" ", "-") for row in CALLS],
)
def test_an_odd_call(
    service: Service, change: Json, status: int, says: str, gaps: tuple[str, ...]
) -> None:
    body = {name: value for name, value in (hook_call() | change).items() if value is not ...}
    path = "lamo-order-select" if "selections" in body["context"] else "lamo-order-sign"
    found, text = service.post(body, path)
    assert (found, says in text) == (status, True), text
    assert "p2" not in text
    if status == 200:
        assert says or '"cards":[]' in text
        assert {gap["kind"] for gap in service.recorded()["gaps"]} == set(gaps)


def test_the_same_hook_instance_twice_is_served_twice(service: Service) -> None:
    assert [service.post(hook_call())[0] for _ in range(2)] == [200, 200]


def test_scopes_too_narrow_for_the_patient_are_412(
    service: Service, fhir_server: LoopbackFhir
) -> None:
    fhir_server.default = lambda handler: send_json(handler, OUTCOME, 403)
    call = hook_call(**access() | {"fhirServer": fhir_server.base, "prefetch": ...})
    status, text = service.post(call)
    assert (status, "forbade the read" in text) == (412, True)


def test_scopes_too_narrow_for_a_part_are_served_and_said(
    service: Service, fhir_server: LoopbackFhir
) -> None:
    fhir_server.default = searchset()
    fhir_server.answers = {
        "Patient/p1": PATIENT,
        "AllergyIntolerance": lambda handler: send_json(handler, OUTCOME, 403),
    }
    call = hook_call(**access() | {"fhirServer": fhir_server.base, "prefetch": ...})
    status, text = service.post(call)
    assert (status, "Allergies were not available" in text) == (200, True)


@pytest.mark.parametrize(
    ("entry", "status", "says", "kept"),
    [row[1:] for row in FEEDBACK],
    ids=[row[0].replace(" ", "-") for row in FEEDBACK],
)
def test_an_odd_feedback(service: Service, entry: Json, status: int, says: str, kept: Json) -> None:
    service.post(hook_call(**held(allergies=searchset(allergy()))))
    card = service.recorded()["cards"][0]["uuid"]
    answer = service.client.post(
        "/cds-services/lamo-order-sign/feedback", json={"feedback": [{"card": card} | entry]}
    )
    assert (answer.status_code, says in answer.text) == (status, True), answer.text
    record = service.recorded()
    assert record["kind"] == ("feedback" if status == 200 else "error")
    assert {name: record[name] for name in kept} == kept


@pytest.mark.parametrize(
    ("client_name", "service_id", "reason"),
    [
        ("another", "lamo-order-sign", "card of another client"),
        ("anonymous", "lamo-patient-view", "card of another service"),
    ],
)
def test_whose_card_it_is_does_not_show_in_the_answer(
    service: Service, client_name: str, service_id: str, reason: str
) -> None:
    service.post(hook_call(**held(allergies=searchset(allergy()))))
    card = service.recorded()["cards"][0]["uuid"]
    doors = replace(
        service.client.application.extensions["doors"],
        identify=lambda presented, deadline: Caller(client=client_name),
    )
    url = f"/cds-services/{service_id}/feedback"
    batch = {"feedback": [TOLD | {"card": card}]}
    answer = create_app(doors).test_client().post(url, json=batch)
    assert (answer.status_code, answer.text) == (200, "")
    assert service.recorded()["not_linked"] == reason


def test_the_same_feedback_twice_is_taken_and_kept_once(service: Service) -> None:
    batch = {"feedback": [TOLD | {"card": "twice"}]}
    url = "/cds-services/lamo-order-sign/feedback"
    answers = [service.client.post(url, json=batch) for _ in range(2)]
    assert [(one.status_code, one.text) for one in answers] == [(200, "")] * 2
    newest = service.tools.audit_log.list_events(limit=2)
    cards = [service.tools.audit_log.find_event(one.event_id).body.get("card") for one in newest]
    assert cards.count("twice") == 1


def test_ten_thousand_items_are_refused_at_once(service: Service) -> None:
    batch = {"feedback": [TOLD | {"card": "x"}] * 10_000}
    answer = service.client.post("/cds-services/lamo-order-sign/feedback", json=batch)
    assert (answer.status_code, "found 10000 entries" in answer.text) == (400, True)
