"""Addresses that a note may be sent to, and settings with which it could never be read."""

from pathlib import Path
from typing import Any

import pytest

from lamo.notes.model_reader.plan import EndpointRefused, ModelReaderPlan, is_loopback
from lamo.notes.model_reader.reader import ModelReader
from tests.lamo.notes.fake_endpoint import KEY, FakeEndpoint, plan_for


def reader(**settings: Any) -> ModelReader:
    return ModelReader(plan_for(FakeEndpoint(base="http://127.0.0.1:1/v1"), **settings))


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000/v1", "http://[::1]:8000/v1", "https://models.example/v1"]
)
def test_this_machine_and_allowed_hosts_are_taken(url: str) -> None:
    assert reader(url=url, allowed_hosts=("Models.Example",)).name.startswith("model:tiny:")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://models.example/v1", "https only"),
        ("http://127.0.0.1.models.example/v1", "https only"),
        ("https://evil.example/v1", "not among the allowed ones .* LAMO_NOTES_HOSTS"),
        ("https://models.example.evil.example/v1", "not among the allowed ones"),
        ("https://models.example@evil.example/v1", "a user"),
        (
            "https://evil.example\\@models.example/v1",
            "not among the allowed|cannot be parsed|a user",
        ),
        ("https://models.example/v1?x=1", "a query"),
        ("https://models.example/v1#x", "fragment"),
        ("ftp://models.example/v1", "no https"),
        ("models.example/v1", "no https"),
        ("https://", "no https"),
        ("https://models.example:x/v1", "cannot be parsed"),
        ("", "no https"),
    ],
)
def test_other_addresses_are_refused(url: str, says: str) -> None:
    with pytest.raises(EndpointRefused, match=says):
        reader(url=url, allowed_hosts=("models.example",))


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"model": ""}, "LAMO_NOTES_MODEL"),
        ({"key": f"{KEY}\n"}, "line breaks"),
        ({"key": f"{KEY}é"}, "line breaks"),
        ({"seconds": 0.0}, "above 0"),
        ({"tries": 0}, "above 0"),
        ({"context_tokens": 1500}, "LAMO_NOTES_CONTEXT_TOKENS 1500 .* longer context"),
        ({"ca_file": Path("/no/such/file.pem")}, "CA file"),
        ({"ca_file": Path(__file__)}, "CA file"),
    ],
)
def test_settings_that_cannot_work_are_refused_without_the_key(
    settings: dict[str, Any], says: str
) -> None:
    with pytest.raises(EndpointRefused, match=says) as refused:
        reader(**settings)

    assert KEY not in str(refused.value)


def test_the_key_is_not_in_the_plan_s_text() -> None:
    assert KEY not in repr(ModelReaderPlan(url="", model="", key=KEY))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_loopback_is_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["128.0.0.1", "::", "localhost.example", "10.0.0.1"])
def test_nothing_else_is(host: str) -> None:
    assert not is_loopback(host)


def test_the_name_changes_with_what_changes_the_answers() -> None:
    names = {reader().name, reader(model="other").name, reader(context_tokens=4096).name}

    assert len(names) == 3
    assert reader(seconds=1.0, tries=9).name in names
