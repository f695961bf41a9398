"""What is counted, under labels of fixed sets, and for whom."""

import ast
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

import pytest
from flask.testing import FlaskClient

from cds_service import decision
from cds_service.errors import AuditUnavailable
from cds_service.observing.gap_kinds import GAP_KINDS
from cds_service.observing.metrics import (
    STAGES,
    STATES,
    Answered,
    Counts,
    admission_refused,
    call_decided,
    counts,
    exposition,
    model_served,
    stage_ended,
    token_refused,
)
from cds_service.prefetch.held import State
from cds_service.settings import Settings
from cds_service.web import access, views
from fhir_mappings.record import Gap
from tests.calls import hook_call
from tests.cds_service.observing.conftest import Opened
from tests.fakes import FakeDecide

ROOT = Path(__file__).parents[3]
URL = "/cds-services/lamo-order-sign"
Tell = Callable[[str], None]
CARD = {"indicator": "critical", "source": {"topic": {"code": "allergy"}}}


@pytest.fixture
def client(opened: Opened, settings: Settings) -> FlaskClient:
    return opened(settings)


def sample(text: str) -> float:
    """The value of one line of the exposition."""
    lines = exposition(Path("no-such-folder")).decode().splitlines()
    found = [line for line in lines if line.startswith(f"{text} ")]
    return float(found[0].rpartition(" ")[2]) if found else 0.0


def test_calls_are_counted_by_service_and_outcome(client: FlaskClient, decide: FakeDecide) -> None:
    client.post(URL, json=hook_call())
    decide.cards = [CARD]
    client.post(URL, json=hook_call())
    decide.failure = AuditUnavailable()
    client.post(URL, json=hook_call())
    for outcome in ("cards", "no-cards", "AuditUnavailable"):
        labels = f'outcome="{outcome}",service="lamo-order-sign"'
        assert sample(f"lamo_hook_calls_total{{{labels}}}") == 1


def test_answers_are_counted_by_address_and_class(client: FlaskClient) -> None:
    for path in ("/livez", "/livez", "/Quill/Marta", URL):
        client.get(path)
    assert sample('lamo_requests_total{route="/livez",status="2xx"}') == 2
    assert sample('lamo_requests_total{route="other",status="4xx"}') == 2
    assert sample("lamo_requests_in_flight") == 0


def test_nothing_of_a_request_becomes_a_label(client: FlaskClient, decide: FakeDecide) -> None:
    decide.failure = type("QuillError", (Exception,), {})("Quill")
    for path in ("/cds-services/Quill", "/cds-services/Quill/feedback", "/Quill", URL):
        client.post(path, json=hook_call(), headers={"X-Request-Id": "Quill"})
        client.open(path, method="QUILL")
    assert "Quill" not in (told := exposition(Path("no-such-folder")).decode())
    assert 'lamo_hook_calls_total{outcome="other",service="lamo-order-sign"} 1.0' in told
    assert 'lamo_hook_calls_total{outcome="UnknownService",service="other"} 1.0' in told


def test_what_a_call_led_to_is_counted() -> None:
    gaps = (
        Gap(kind="malformed", where="w", meaning="m", shown=True),
        Gap(kind="Quill", where="", meaning=""),
    )
    states = {"patient": "fetched", "labs": "failed", "Quill": "null"}
    call_decided(Answered(cards=[CARD], gaps=gaps, states=states, seconds=0.3, is_late=True))
    assert sample('lamo_cards_total{indicator="critical",topic="allergy"}') == 1
    assert sample('lamo_gaps_total{kind="malformed",shown="true"}') == 1
    assert sample('lamo_gaps_total{kind="other",shown="false"}') == 1
    assert sample('lamo_prefetch_total{key="labs",state="failed"}') == 1
    assert sample('lamo_prefetch_total{key="other",state="null"}') == 1
    assert sample("lamo_deadline_misses_total") == 1
    assert sample('lamo_stage_seconds_bucket{le="0.5",stage="total"}') == 1
    assert sample('lamo_stage_seconds_bucket{le="0.2",stage="total"}') == 0


@pytest.mark.parametrize(
    ("tell", "name"),
    [(token_refused, "lamo_tokens_refused"), (admission_refused, "lamo_admissions_refused")],
)
def test_refusals_are_counted_by_a_known_reason(tell: Tell, name: str) -> None:
    known = "signature" if tell is token_refused else "rate"
    tell(known)
    tell("Quill")
    assert sample(f'{name}_total{{reason="{known}"}}') == 1
    assert sample(f'{name}_total{{reason="other"}}') == 1


def test_the_model_that_is_served_is_told() -> None:
    model_served({"name": "lamo-demo", "version": "2", "sha256": "0123456789abcdef"})
    assert sample('lamo_model_info{name="lamo-demo",sha256="0123456789ab",version="2"}') == 1


def test_an_unknown_stage_is_other() -> None:
    stage_ended("Quill", 0.1)
    assert sample('lamo_stage_seconds_count{stage="other"}') == 1


def test_the_stages_are_those_of_a_decision() -> None:
    code = "".join(Path(str(room.__file__)).read_text() for room in (access, views, decision))
    run = set(re.findall(r'watch\.run\(\s*"(\w+)"', code))
    assert run | {"total"} == STAGES
    assert frozenset(get_args(State)) == STATES


def kinds_in_code() -> Iterator[str]:
    """The kind of each gap that the code makes; of one that is put together, its beginning."""
    for package in ("cds_service", "fhir_mappings", "lamo", "medication_safety"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call):
                    yield from map(ast.unparse, _kinds(node))


def _kinds(call: ast.Call) -> Iterator[ast.expr]:
    name = ast.unparse(call.func)
    if name == "Gap":
        yield from (one.value for one in call.keywords if one.arg == "kind")
    if name.endswith("gaps.add"):
        yield call.args[0]


def test_every_kind_of_gap_that_the_code_makes_is_known() -> None:
    written = [
        json.loads(one.replace("'", '"').lstrip("f")) for one in kinds_in_code() if "'" in one
    ]
    assert len(written) > 40
    for kind in written:
        stem = kind.partition("{")[0]
        assert kind in GAP_KINDS or (stem != kind and any(k.startswith(stem) for k in GAP_KINDS))


def test_every_count_stands_in_the_documentation() -> None:
    page = (ROOT / "docs" / "observing.md").read_text()
    for metric in Counts().registry.collect():
        assert f"`{metric.name}" in page
    assert counts() is counts()
