import pytest

from cds_service.errors import MalformedRequest
from cds_service.web.json_body import JsonRefused, read_json, read_json_object


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b"", "an empty body"),
        (b'{"a": 1,}', "not JSON"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": -Infinity}', "-Infinity"),
        (b'{"a": 1e400}', "too large"),
        (b'{"a": 1, "a": 2}', "same key twice"),
        (b'{"a": "\xff"}', "not UTF-8"),
        (b"[" * 60_000 + b"]" * 60_000, "deeper than"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not JSON"),
    ],
)
def test_what_parsers_disagree_on_is_refused(body: bytes, found: str) -> None:
    with pytest.raises(JsonRefused, match=found):
        read_json(body)


def test_brackets_inside_strings_are_not_nesting() -> None:
    assert read_json(b'{"a": "' + b"[" * 500 + b'\\" ["}')["a"].startswith("[[")


def test_nul_and_lone_surrogates_become_replacement_characters() -> None:
    assert read_json(rb'{"a\u0000": "x\ud800y", "b": "\ud83d\ude00"}') == {
        "a\ufffd": "x\ufffdy",
        "b": "\U0001f600",
    }


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"null", b"7"])
def test_a_body_is_an_object(body: bytes) -> None:
    with pytest.raises(MalformedRequest, match=r"body: found .*, wanted one JSON object"):
        read_json_object(body)


def test_brackets_in_strings_do_not_hide_the_depth() -> None:
    closing, opening = b'"' + b"]" * 500 + b'"', b"[" * 300
    with pytest.raises(JsonRefused, match="nested deeper"):
        read_json(b"[" + closing + b"," + opening + b"]" * 300 + b"]")
