"""However an endpoint answers: a good answer in the end, or NoteUnread with a reason of ours."""

import gzip
import json
from collections.abc import Iterator

import pytest

from tests.lamo.notes.fake_endpoint import (
    NOTHING,
    Answer,
    FakeEndpoint,
    body,
    fake_endpoint,
    found,
    refuses,
    resets,
    says,
)
from tests.lamo.notes.unread import NOTE, reader, reason


@pytest.fixture
def endpoint() -> Iterator[FakeEndpoint]:
    with fake_endpoint() as fake:
        yield fake


AGAIN: dict[str, Answer] = {
    "500": refuses(500, "MARKED"),
    "502 of a proxy": body(b"<html>MARKED</html>", 502, Content_Type="text/html"),
    "429": refuses(429, "MARKED"),
    "429 that says when": refuses(429, Retry_After="0"),
    "503 that says when": refuses(503, Retry_After="0.1"),
    "reset": resets,
    "cut off": says('{"history_of_present_illness": "MARKED', finish="length"),
    "no JSON": says("MARKED is what I found"),
    "half an object": says('{"history_of_present_illness": "MARKED'),
    "a list": says([NOTHING]),
    "a member less": says({k: v for k, v in NOTHING.items() if k != "allergies"}),
    "a member more": says(NOTHING | {"orders": ["MARKED"]}),
    "a member twice": says(json.dumps(NOTHING)[:-1] + ', "allergies": []}'),
    "a text that is a list": found(history_of_present_illness=["MARKED"]),
    "a list that is a text": found(allergies="MARKED"),
    "a list of objects": found(allergies=[{"name": "MARKED"}]),
    "too many names": found(allergies=["x"] * 201),
    "too long a name": found(allergies=["x" * 201]),
    "too long a text": found(history_of_present_illness="x" * 20_001),
    "deeply nested": says("[" * 100_000),
    "a refusal": says(None, refusal="MARKED"),
    "filtered": says("", finish="content_filter"),
    "no content": says(None),
    "empty choices": body({"choices": []}),
    "no choices": body({"object": "chat.completion"}),
    "choices of another kind": body({"choices": "MARKED"}),
    "a choice of another kind": body({"choices": ["MARKED"]}),
    "a body that is no object": body(["MARKED"]),
    "a body that is no JSON": body(b"MARKED"),
    "a body nested deeply": body(b"[" * 100_000),
    "another content type": body(b"<html>MARKED</html>", Content_Type="text/html"),
    "compressed": body(gzip.compress(json.dumps(NOTHING).encode()), Content_Encoding="gzip"),
    "huge": body(b" " * (5 * 1024 * 1024)),
    "a short body": body(b"{}", Content_Length="1000", Connection="close"),
    "no HTTP": lambda handler: void(handler.wfile.write(b"MARKED\r\n\r\n")),
}


def void(_value: object) -> None:
    return None


@pytest.mark.parametrize("answer", AGAIN.values(), ids=AGAIN)
def test_it_is_asked_again_and_then_given_up(endpoint: FakeEndpoint, answer: Answer) -> None:
    endpoint.script = [answer, found(history_of_present_illness="MARKED fall.")]

    sections = reader(endpoint).read(NOTE)

    assert sections.history_of_present_illness == "MARKED fall."
    endpoint.asked.clear()
    endpoint.default = answer
    assert reason(endpoint).startswith("the note model ")
    assert len(endpoint.asked) == 3


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (400, "response_format"),
        (401, "another key"),
        (403, "key"),
        (404, "no such model"),
        (418, ""),
    ],
)
def test_what_would_not_change_is_asked_once(
    endpoint: FakeEndpoint, status: int, says: str
) -> None:
    endpoint.default = refuses(status, "MARKED")

    assert f"answered {status}" in (told := reason(endpoint))
    assert says in told
    assert len(endpoint.asked) == 1


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(endpoint: FakeEndpoint, status: int) -> None:
    with fake_endpoint() as elsewhere:
        endpoint.default = refuses(status, Location=f"{elsewhere.base}/chat/completions")

        assert "redirect" in reason(endpoint)
        assert elsewhere.headers == []
