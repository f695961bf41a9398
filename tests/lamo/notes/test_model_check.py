"""What stops a service with a wrong note model at its start."""

from collections.abc import Iterator

import pytest

from lamo.notes.model_reader.check import check_endpoint
from lamo.notes.model_reader.plan import EndpointRefused
from tests.lamo.notes.fake_endpoint import (
    KEY,
    Answer,
    FakeEndpoint,
    body,
    fake_endpoint,
    hangs,
    lists,
    plan_for,
    refuses,
    says,
)


@pytest.fixture
def endpoint() -> Iterator[FakeEndpoint]:
    with fake_endpoint() as fake:
        yield fake


def refusal(endpoint: FakeEndpoint, url: str | None = None, seconds: float = 60.0) -> str:
    plan = plan_for(endpoint, url=url or endpoint.base)
    with pytest.raises(EndpointRefused) as refused:
        check_endpoint(plan, seconds=seconds)
    assert KEY not in str(refused.value)
    return str(refused.value)


def test_a_good_endpoint_passes_with_one_invented_note(endpoint: FakeEndpoint) -> None:
    check_endpoint(plan_for(endpoint))

    assert len(endpoint.asked) == 1
    assert "Allopurinol" in endpoint.text(0)


def test_one_that_is_not_there(endpoint: FakeEndpoint) -> None:
    assert "cannot be reached" in refusal(endpoint, "http://127.0.0.1:9/v1")


def test_an_address_that_no_note_may_go_to(endpoint: FakeEndpoint) -> None:
    assert "not among the allowed" in refusal(endpoint, "https://elsewhere.example/v1")


def test_a_key_that_it_does_not_take(endpoint: FakeEndpoint) -> None:
    endpoint.models = refuses(401, "no")

    assert "another key" in refusal(endpoint)


def test_a_model_that_it_does_not_have(endpoint: FakeEndpoint) -> None:
    endpoint.models = lists("llama", "qwen")

    assert "no model tiny; it has llama, qwen" in refusal(endpoint)


ODD: dict[str, Answer] = {
    "no list": body({"data": "x"}),
    "no such path": refuses(404),
    "a page": body(b"<html>", Content_Type="text/html"),
}


@pytest.mark.parametrize("answer", ODD.values(), ids=ODD)
def test_one_that_lists_no_models(endpoint: FakeEndpoint, answer: Answer) -> None:
    endpoint.models = answer

    assert "when asked for its models" in refusal(endpoint)


def test_one_without_structured_output(endpoint: FakeEndpoint) -> None:
    endpoint.default = says("The patient fell at home.")

    assert "structured output" in refusal(endpoint)


def test_one_that_refuses_the_schema(endpoint: FakeEndpoint) -> None:
    endpoint.default = refuses(400, "response_format is not supported")

    assert "json_schema" in refusal(endpoint)


def test_one_whose_context_is_too_small(endpoint: FakeEndpoint) -> None:
    endpoint.default = refuses(400, code="context_length_exceeded")

    assert "LAMO_NOTES_CONTEXT_TOKENS (8192)" in refusal(endpoint)


def test_one_that_does_not_answer(endpoint: FakeEndpoint) -> None:
    endpoint.default = hangs(endpoint.hang)

    assert "in time" in refusal(endpoint, seconds=0.5)
