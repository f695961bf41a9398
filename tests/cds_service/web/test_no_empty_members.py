"""No null and no empty member in any answer, but for an empty list of cards (CDS Hooks, JSON)."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from cds_service.audit.migrate import upgrade
from cds_service.cards.build import CardMaterial, build_cards
from cds_service.decision import decide
from cds_service.hooks.discovery import SERVICES, describe_services
from cds_service.settings import Settings
from cds_service.tools import Tools, build_tools
from cds_service.web.app import create_app
from tests.calls import context_of, hook_call
from tests.cds_service.card_rules import empties
from tests.cds_service.card_sets import every_set
from tests.fakes import FakeScorer
from tests.patients import call_of, cases


@pytest.fixture(scope="module", params=[20.0, -20.0], ids=["supported", "unsupported"])
def tools(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Tools]:
    folder: Path = tmp_path_factory.mktemp("var")
    settings = Settings(var_dir=folder, deadline_ms=60_000)
    upgrade(settings.database_url)
    built = build_tools(settings, scorer=FakeScorer(default=request.param))
    yield built
    built.audit_log.close()


def posted(client: FlaskClient, tools: Tools, body: dict[str, Any]) -> Any:
    doors = replace(client.application.extensions["doors"], decide=partial(decide, tools=tools))
    url = f"/cds-services/lamo-{body['hook']}"
    return create_app(doors).test_client().post(url, json=body)


def test_no_answer_about_a_patient_holds_any(client: FlaskClient, tools: Tools) -> None:
    found = {
        (case["name"], path)
        for case in cases()
        for path in empties(posted(client, tools, call_of(case)).get_json())
    }
    assert {path for _, path in found} <= {"$.cards"}, found


@pytest.mark.parametrize("hook", [service.hook for service in SERVICES])
def test_no_answer_of_a_hook_holds_any(client: FlaskClient, tools: Tools, hook: str) -> None:
    body = hook_call(hook, context=context_of(hook, encounterId="e1"))
    answer = posted(client, tools, body)
    assert answer.status_code == 200
    assert set(empties(answer.get_json())) <= {"$.cards"}


@pytest.mark.parametrize("call", list(every_set()), ids=lambda call: f"{call.hook}")
def test_no_card_of_the_gallery_holds_any(call: CardMaterial) -> None:
    assert list(empties(build_cards(call).cards)) == []


def test_discovery_holds_none() -> None:
    for version in ("2.0.0", "3.0.0"):
        assert list(empties(describe_services(version=version, is_demonstration=True))) == []


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/cds-services/lamo-order-sign", {}),
        ("POST", "/cds-services/lamo-order-sign", hook_call(context=context_of(patientId=...))),
        ("POST", "/cds-services/nobody", {}),
        ("GET", "/cds-services/lamo-order-sign", None),
        ("GET", "/nowhere", None),
        ("POST", "/cds-services/lamo-order-sign/feedback", {"feedback": [{}]}),
    ],
)
def test_no_refusal_holds_any(client: FlaskClient, method: str, path: str, body: object) -> None:
    answer = client.open(path, method=method, json=body)
    assert answer.status_code >= 400
    assert list(empties(answer.get_json())) == []
