"""Whatever is sent: no 5xx, every refusal an OperationOutcome, and every header on every answer.

By schemathesis from the description of the service, and by changes to good calls that no schema
tells of. Everything but the model is real. Both are the same at every run; raise `max_examples` and
take `derandomize` away to look further.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from copy import deepcopy
from functools import partial, reduce
from operator import getitem
from typing import Any

import pytest
import schemathesis
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from cds_service.audit.migrate import upgrade
from cds_service.decision import decide
from cds_service.doors import Doors
from cds_service.settings import Settings
from cds_service.tools import Tools, build_tools
from cds_service.trust import Caller
from cds_service.web.app import create_app
from cds_service.web.headers import CAUTION, REQUEST_ID
from cds_service.web.openapi import describe_api
from tests.fakes import FakeScorer, admit_all, demo_card
from tests.patients import call_of, cases

Json = dict[str, Any]
SAME = settings(
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
CHECKS = [
    allow_header_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
]
FEEDBACK = {
    "card": "4e0a3a1e-cb58-4a52-8ee8-4b0f2d0d0a3f",
    "outcome": "overridden",
    "overrideReason": {"reason": {"code": "will-monitor", "system": "urn:x"}, "userComment": "no"},
    "outcomeTimestamp": "2026-01-31T12:00:00Z",
}
GOOD: list[tuple[str, Json]] = [
    (f"lamo-{call['hook']}", call) for call in map(call_of, cases()[::16])
] + [("lamo-order-sign/feedback", {"feedback": [FEEDBACK]})]
SPOILS: list[Callable[[str], str]] = [
    lambda text: text,
    lambda text: text,
    lambda text: text,
    lambda text: text.replace("{", '{"hook": 1, "hook": 2, ', 1),
    lambda text: text.replace('"p1"', "9" * 5000),
    lambda text: text.replace("true", "1e400"),
    lambda text: text.replace('"p1"', "[" * 5000 + "]" * 5000),
    lambda text: text[: len(text) // 2],
    lambda text: json.dumps(json.loads(text), ensure_ascii=False),
]
PATHS = describe_api(Settings())["paths"]


def assert_well(status: int, headers: Mapping[str, str], body: bytes) -> None:
    assert status < 500, body
    assert headers[REQUEST_ID]
    assert {name: headers[name] for name in CAUTION} == CAUTION
    if not 200 <= status < 300 and body:
        assert json.loads(body)["resourceType"] == "OperationOutcome"


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tools]:
    settings = Settings(var_dir=tmp_path_factory.mktemp("var"), deadline_ms=60_000)
    upgrade(settings.database_url)
    tools = build_tools(settings, scorer=FakeScorer())
    yield tools
    tools.audit_log.close()


@pytest.fixture(scope="module")
def client(tools: Tools) -> FlaskClient:
    doors = Doors(
        settings=tools.settings,
        recorder=tools.audit_log,
        identify=lambda presented, deadline: Caller(),
        spend=lambda caller, request_id, deadline: None,
        admit=admit_all,
        decide=partial(decide, tools=tools),
        is_demonstration=True,
        model_card=demo_card,
    )
    return create_app(doors).test_client()


@pytest.fixture(scope="module")
def described(client: FlaskClient) -> BaseSchema:
    return schemathesis.openapi.from_wsgi("/openapi.json", client.application)


def check(case: Any) -> None:
    """Send what schemathesis made and compare the answer with the description."""
    response = case.call()
    headers = {name.title(): values[0] for name, values in response.headers.items()}
    assert_well(response.status_code, headers, response.content)
    case.validate_response(response, checks=CHECKS)


@pytest.mark.parametrize("path", [path for path, item in PATHS.items() if "post" in item])
def test_what_is_posted_may_fit_the_description_or_not(described: BaseSchema, path: str) -> None:
    operation = described[path]["POST"]
    cases = st.one_of(*(operation.as_strategy(mode) for mode in schemathesis.GenerationMode))
    settings(SAME, max_examples=20)(given(cases)(check))()


@pytest.mark.parametrize("path", [path for path, item in PATHS.items() if "get" in item])
def test_what_is_read_is_as_described(described: BaseSchema, path: str) -> None:
    check(described[path]["GET"].Case())


TEXTS = st.text(st.characters(codec=None) | st.sampled_from("\0\ud800\udfff\u2028\x1b\r\n"))
NUMBERS = st.sampled_from([0, -1, 2**63, -(10**400), 1e308, -1e-320, 1.5, math.nan, math.inf])
SCALARS = st.none() | st.booleans() | NUMBERS | TEXTS
WILD = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4)
)
GONE, AGAIN = object(), object()


def places(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path to everything in a JSON value but the value itself."""
    inside = value.items() if isinstance(value, dict) else enumerate(value)  # type: ignore[arg-type]
    for step, one in inside:
        yield (*path, step)
        if isinstance(one, dict | list):
            yield from places(one, (*path, step))


def change(value: Json, path: tuple[Any, ...], put: object) -> None:
    """Put, drop or repeat what stands at a path, unless an earlier change took it away."""
    *way, last = path
    with suppress(KeyError, IndexError, TypeError, AttributeError):
        place: Any = reduce(getitem, way, value)
        if put is GONE:
            del place[last]
        elif put is AGAIN:
            place.extend([place[last]] * 300)
        else:
            place[last] = put


@st.composite
def bodies(draw: st.DrawFn) -> tuple[str, bytes]:
    """A good body with a few things changed, and where to send it."""
    service, good = draw(st.sampled_from(GOOD))
    body = deepcopy(good)
    for path in draw(st.lists(st.sampled_from(list(places(good))), min_size=1, max_size=3)):
        change(body, path, draw(WILD | st.sampled_from([GONE, AGAIN])))
    text = json.dumps(body)
    spoil = draw(st.sampled_from(SPOILS))
    return service, spoil(text).encode("utf-8", "surrogatepass")


@given(bodies())
@settings(SAME, max_examples=300)
def test_a_good_call_that_was_broken_is_served_or_refused(client: FlaskClient, sent: Any) -> None:
    service, body = sent
    answer = client.post(f"/cds-services/{service}", data=body, content_type="application/json")
    assert_well(answer.status_code, dict(answer.headers), answer.data)


@given(
    st.text().map("/".__add__), st.sampled_from(["GET", "POST", "PUT", "DELETE", "OPTIONS", "X"])
)
@settings(SAME, max_examples=100)
def test_any_address_and_method_is_answered(client: FlaskClient, path: str, method: str) -> None:
    answer = client.open(path, method=method)
    assert_well(answer.status_code, dict(answer.headers), answer.data)
