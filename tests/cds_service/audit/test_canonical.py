"""Bodies are JSON of one spelling; what is no JSON is a mistake that is named."""

from datetime import datetime, timedelta, timezone

import pytest

from cds_service.audit.canonical import canonical_bytes, rfc3339, to_plain


def test_the_spelling_does_not_depend_on_the_order_of_the_fields() -> None:
    assert canonical_bytes({"b": "é", "a": 1}) == canonical_bytes({"a": 1, "b": "é"})
    assert canonical_bytes({"b": "é", "a": 1}) == '{"a":1,"b":"é"}'.encode()


def test_moments_are_written_in_utc_so_that_they_sort() -> None:
    there = datetime(2026, 3, 1, 1, tzinfo=timezone(timedelta(hours=2)))

    assert rfc3339(there) == "2026-02-28T23:00:00.000000Z"


def test_numbers_that_json_lacks_are_written_out_and_named() -> None:
    changed: list[str] = []

    plain = to_plain({"scores": [1.5, float("nan")]}, changed)

    assert (plain, changed) == ({"scores": [1.5, "NaN"]}, ["scores.1"])


def test_what_is_not_json_is_named_with_its_place() -> None:
    with pytest.raises(TypeError, match=r"model\.hash holds a bytes, which is not JSON"):
        to_plain({"model": {"hash": b"1"}}, [])
