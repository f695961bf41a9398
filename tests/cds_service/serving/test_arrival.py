"""A request is whole with its last byte and not before, however it is cut up."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.serving.arrival import LARGEST_HEAD, Arrival

HEAD = b"POST /cds-services/x HTTP/1.1\r\nHost: a\r\n"
NO_BODY = b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"
WITH_LENGTH = HEAD + b"content-LENGTH:  11 \r\n\r\nhello\r\n\r\nyo"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
IN_CHUNKS = CHUNKED + b"5;x=y\r\n0\r\n\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n"
WITH_TRAILERS = CHUNKED + b"1\r\nx\r\n0\r\nDigest: a\r\nOther: b\r\n\r\n"
BEHIND_A_BLANK_LINE = b"\r\n" + NO_BODY
WHOLE = [NO_BODY, WITH_LENGTH, IN_CHUNKS, WITH_TRAILERS, BEHIND_A_BLANK_LINE]


def pieces(data: bytes, cuts: list[int]) -> Iterator[bytes]:
    ends = sorted({cut % len(data) for cut in cuts} | {len(data)})
    for start, end in zip([0, *ends], ends, strict=False):
        yield data[start:end]


@given(data=st.sampled_from(WHOLE), cuts=st.lists(st.integers(0, 10_000)))
def test_it_is_whole_with_its_last_byte_and_not_before(data: bytes, cuts: list[int]) -> None:
    arrival = Arrival(100)
    *before, last = pieces(data, cuts)
    assert not any(arrival.add(piece) for piece in before)
    assert arrival.add(last)
    assert arrival.is_whole
    assert bytes(arrival.received) == data


@pytest.mark.parametrize("data", WHOLE)
def test_what_follows_it_is_kept(data: bytes) -> None:
    arrival = Arrival(100)
    assert arrival.add(data + b"GET / HTTP")
    assert arrival.received.endswith(b"GET / HTTP")


@pytest.mark.parametrize(
    "fields",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: five\r\n",
        b"Content-Length: -5\r\n",
        b"Content-Length: 9999999999999999999\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n" + b"1" * 9000,
    ],
    ids=["both", "word", "negative", "endless", "no-size", "long-size"],
)
def test_what_the_parser_refuses_is_handed_to_it(fields: bytes) -> None:
    assert Arrival(100).add(HEAD + fields + b"\r\n")


@pytest.mark.parametrize(
    "data",
    [HEAD + b"Content-Length: 101\r\n\r\n", CHUNKED + b"FFF\r\n" + b"x" * 200],
    ids=["length", "chunks"],
)
def test_a_body_over_the_limit_is_not_waited_for(data: bytes) -> None:
    arrival = Arrival(100)
    assert arrival.add(data)
    assert not arrival.is_whole


@pytest.mark.parametrize("head", [HEAD, CHUNKED + b"0\r\n"], ids=["head", "trailers"])
def test_an_endless_head_is_too_large(head: bytes) -> None:
    arrival = Arrival(100)
    assert not arrival.add(head)
    assert not arrival.is_too_large
    arrival.add(b"x" * LARGEST_HEAD)
    assert arrival.is_too_large


def test_a_client_that_asks_whether_to_send_its_body_is_told_once() -> None:
    arrival = Arrival(100)
    arrival.add(HEAD + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    assert arrival.waits_for_continue
    arrival.add(b"{")
    assert not arrival.waits_for_continue
