"""One JSON document: over what, how much of it, and by when."""

import pytest

from cds_service.outbound.errors import ReadFailed
from tests.cds_service.outbound_fixtures import (
    Answering,
    FakeResolver,
    fetched,
    guard,
    sends,
    wait_for_reads_to_end,
)
from tests.fakes import LoopbackFhir


@pytest.mark.parametrize("slow", ["hangs", "drips_head", "drips_body"])
def test_a_slow_server_holds_one_fetch_no_longer_than_its_deadline(
    fhir_server: LoopbackFhir, slow: str
) -> None:
    fhir_server.default = getattr(fhir_server, slow)
    with pytest.raises(ReadFailed, match="did not answer in time"):
        fetched(f"{fhir_server.base}/keys", guard(is_sandbox=True), ms=300)
    wait_for_reads_to_end()
    assert not fhir_server.hang.was_waited_for


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (sends(b"<html>"), "did not answer with JSON"),
        (sends(b'{"a": 1, "a": 2}'), "did not answer with JSON"),
        (sends(b"[" * 5000), "sent more than may be read"),
        (sends(b"", 401), "wants an access token"),
        (sends(b"", 404), "does not have it"),
        (sends(b"", 503), "answered with status 503"),
    ],
)
def test_why_a_document_was_not_fetched(
    fhir_server: LoopbackFhir, answer: Answering, reason: str
) -> None:
    fhir_server.default = answer
    with pytest.raises(ReadFailed, match=reason):
        fetched(f"{fhir_server.base}/keys", guard(is_sandbox=True))


@pytest.mark.parametrize(
    "url",
    [
        "http://keys.test/keys.json",
        "http://8.8.8.8/keys.json",
        "http://127.0.0.1.nip.test/keys.json",
        "http://127.0.0.1@keys.test/keys.json",
        "file:///etc/passwd",
    ],
)
@pytest.mark.parametrize("is_sandbox", [True, False])
def test_a_document_comes_over_https(url: str, is_sandbox: bool) -> None:
    resolver = FakeResolver(["127.0.0.1"])
    with pytest.raises(ReadFailed, match="not https, or is of an odd form"):
        fetched(url, guard(resolver, is_sandbox=is_sandbox))
    assert resolver.asked == []


def test_http_on_this_machine_is_for_sandbox_mode(fhir_server: LoopbackFhir) -> None:
    fhir_server.default = {"keys": []}
    assert fetched(fhir_server.base, guard(is_sandbox=True)) == {"keys": []}
    with pytest.raises(ReadFailed, match="not https"):
        fetched(fhir_server.base, guard())
    assert len(fhir_server.asked) == 1
