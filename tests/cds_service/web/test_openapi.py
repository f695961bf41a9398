"""The description says what is served, and all of it."""

import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from flask.testing import FlaskClient

from cds_service.hooks.discovery import PREFETCH, SERVICES
from cds_service.settings import Settings
from cds_service.web.openapi import describe_api
from cds_service.web.openapi_schemas import schemas
from tests.calls import context_of, hook_call
from tests.patients import call_of, cases

METHODS = {"GET", "POST"}  # HEAD and OPTIONS come with them


@pytest.fixture
def described(client: FlaskClient) -> dict[str, Any]:
    answer = client.get("/openapi.json")
    assert answer.content_type == "application/json"
    body: dict[str, Any] = answer.get_json()
    return body


def served_routes(client: FlaskClient) -> Iterator[tuple[str, str]]:
    """Every (path, method) of the application; two spellings of one address are one."""
    for rule in client.application.url_map.iter_rules():
        plain = re.sub("/+", "/", rule.rule).rstrip("/") or "/"
        for service in SERVICES if "<service_id>" in plain else SERVICES[:1]:
            for method in (rule.methods or set()) & METHODS:
                yield plain.replace("<service_id>", service.service_id), method


def test_every_address_is_described_and_no_other(
    client: FlaskClient, described: dict[str, Any]
) -> None:
    told = {(path, one.upper()) for path, item in described["paths"].items() for one in item}
    assert told == set(served_routes(client))


def references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        yield from ([value["$ref"]] if "$ref" in value else [])
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from references(one)


def test_nothing_is_referred_to_that_is_elsewhere_or_missing(described: dict[str, Any]) -> None:
    found = set(references(described))
    assert len(found) > 5
    for reference in found:
        assert reference.startswith("#/components/")
        place: Any = described
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]


def validator(described: dict[str, Any], name: str) -> jsonschema_rs.Validator:
    schema = {"$ref": f"#/components/schemas/{name}", "components": described["components"]}
    return jsonschema_rs.validator_for(schema)


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: str(service.hook))
def test_a_good_call_fits_its_schema_and_another_hook_does_not(
    described: dict[str, Any], service: Any
) -> None:
    fits = validator(described, f"{service.service_id}-request")
    named = {"encounterId": "e1"} if service.needs_encounter else {}
    call = hook_call(service.hook, context=context_of(service.hook, **named))
    assert [str(error) for error in fits.iter_errors(call)] == []
    assert not fits.is_valid(call | {"hook": "another"})
    assert not fits.is_valid(call | {"fhirAuthorization": {"access_token": "t"}})


def test_the_calls_of_all_patients_fit(described: dict[str, Any]) -> None:
    for case in cases():
        call = call_of(case)
        assert validator(described, f"lamo-{call['hook']}-request").is_valid(call)


def test_the_prefetch_that_discovery_asks_for_is_described() -> None:
    request = schemas()["lamo-order-sign-request"]
    asked = request["properties"]["prefetch"]["properties"]
    told = {key: schema["description"] for key, schema in asked.items()}
    assert told == {wanted.key: wanted.template for wanted in PREFETCH}


@pytest.mark.parametrize("path", ["/cds-services", "/readyz"])
def test_what_is_answered_fits(client: FlaskClient, described: dict[str, Any], path: str) -> None:
    answers = described["paths"][path]["get"]["responses"]
    name = answers["200"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    assert validator(described, name).is_valid(client.get(path).get_json())


def test_a_refusal_fits_and_its_status_is_described(
    client: FlaskClient, described: dict[str, Any]
) -> None:
    fits = validator(described, "OperationOutcome")
    answers = described["paths"]["/cds-services/lamo-order-sign"]["post"]["responses"]
    for body in ("{", "[]", json.dumps(hook_call(hook="another"))):
        answer = client.post(
            "/cds-services/lamo-order-sign", data=body, content_type="application/json"
        )
        assert fits.is_valid(answer.get_json())
        assert answers[str(answer.status_code)]["description"]


def test_who_may_call_is_told_by_the_mode(settings: Settings) -> None:
    production = settings.model_copy(update={"mode": "production"})
    path = "/cds-services/lamo-order-sign"
    wanted: list[tuple[dict[str, list[str]], ...]] = [
        ({}, {"clientToken": []}),
        ({"clientToken": []},),
    ]
    for mode, told in zip((settings, production), wanted, strict=True):
        assert tuple(describe_api(mode)["paths"][path]["post"]["security"]) == told
