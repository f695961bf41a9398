"""What a server may send, how much of it, and where the token goes."""

import gzip
import json
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from cds_service.outbound.errors import ReadFailed
from cds_service.prefetch.fhir_client import (
    MAX_BYTES,
    MAX_PAGE_BYTES,
    MAX_PAGES,
    FhirClient,
    FhirServer,
    Pages,
    Query,
)
from cds_service.settings import Settings
from lamo.deadline import Deadline
from tests.calls import PATIENT, searchset
from tests.cds_service.outbound_fixtures import Answering, fetched, guard, sends
from tests.fakes import LoopbackFhir, loopback_fhir, send_json


def read(fhir: LoopbackFhir, *urls: str, ms: float = 60_000) -> list[Pages]:
    client = FhirClient(Settings())
    queries = [Query(key=url, url=url) for url in urls or ("Patient/p1",)]
    server = FhirServer(base=fhir.base, token="tok")
    return list(client.read_all(server, queries, Deadline.after_ms(ms)).values())


def sends_without_end(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b" " * 1_000_000)


@pytest.mark.parametrize("name", ["Content_Encoding", "Transfer_Encoding"])
@pytest.mark.parametrize("coding", ["gzip", "GZIP", "gzip, chunked", "br", "identity, gzip"])
def test_a_compressed_answer_is_refused_and_never_inflated(
    fhir_server: LoopbackFhir, name: str, coding: str
) -> None:
    bomb = gzip.compress(b'{"resourceType": "Patient"}' + b" " * 10_000_000)
    fhir_server.default = sends(bomb, 200, **{name: coding})
    (found,) = read(fhir_server)
    assert found.failure == "sent a compressed answer, although none was asked for"
    client, server = FhirClient(Settings()), FhirServer(base=fhir_server.base)
    files = client.read_files(server, ["Binary/1"], Deadline.after_ms(60_000))
    assert (files["Binary/1"].data, files["Binary/1"].failure) == (
        b"",
        f"its server {found.failure}",
    )


def test_compression_is_not_asked_for(fhir_server: LoopbackFhir) -> None:
    asked: list[str | None] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        asked.append(handler.headers["Accept-Encoding"])
        send_json(handler, PATIENT)

    fhir_server.default = answer
    assert read(fhir_server)[0].failure is None
    assert asked == ["identity"]


def test_a_body_without_end_is_cut_where_a_page_ends(fhir_server: LoopbackFhir) -> None:
    fhir_server.default = sends_without_end
    assert read(fhir_server)[0].failure == "sent more than may be read"


@pytest.mark.parametrize(
    "answer",
    [
        sends(b'{"resourceType": "Patient"}', Content_Length="1000"),
        sends(b"5\r\n{    \r\n5\r\n}", Transfer_Encoding="chunked"),
    ],
)
def test_half_an_answer_is_none(fhir_server: LoopbackFhir, answer: Answering) -> None:
    fhir_server.default = answer
    assert read(fhir_server)[0].failure == "broke off its answer"


def test_pages_that_are_too_much_together_are_cut(fhir_server: LoopbackFhir) -> None:
    page = b'{"resourceType": "Bundle"' + b" " * (MAX_PAGE_BYTES - 30) + b"}"
    fhir_server.default = sends(page)
    found = read(fhir_server, "a", "b", "c")
    assert "sent more than may be read in one call" in {one.failure for one in found}
    assert sum(len(one.pages) for one in found) <= MAX_BYTES // len(page) == 2


def test_pages_without_end_are_cut(fhir_server: LoopbackFhir) -> None:
    def another(handler: BaseHTTPRequestHandler) -> None:
        following = f"{fhir_server.base}/x?page={len(fhir_server.asked)}"
        send_json(handler, searchset(PATIENT, following=following))

    fhir_server.default = another
    (found,) = read(fhir_server)
    assert found.failure == "sent more pages than are read"
    assert len(found.pages) == len(fhir_server.asked) == MAX_PAGES


def test_the_token_never_goes_to_another_place() -> None:
    with loopback_fhir() as fhir, loopback_fhir() as foreign:
        inside = [f"{fhir.base.removesuffix('/fhir')}/admin", f"{fhir.base}x/Patient", "/Patient"]
        outside = [f"{foreign.base}/Patient", foreign.base.replace("//", "//tok@"), "//evil.test/x"]
        links = [*inside, *outside, "../../x", "file:///etc/passwd", f"{fhir.base}/..%2fx"]
        fhir.answers = {
            f"Search/{number}": searchset(PATIENT, following=link)
            for number, link in enumerate(links)
        }
        found = read(fhir, *fhir.answers)
        assert {one.failure for one in found} == {"sent a link to another place"}
        assert (len(fhir.asked), foreign.asked) == (len(links), [])


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(status: int) -> None:
    with loopback_fhir() as fhir, loopback_fhir() as foreign:
        for target in (f"{foreign.base}/stolen", f"{fhir.base}/Patient/p2"):
            fhir.default = sends(b"", status, Location=target, Content_Length="0")
            assert read(fhir)[0].failure == f"answered with status {status}"
            with pytest.raises(ReadFailed, match=f"answered with status {status}"):
                fetched(f"{fhir.base}/keys", guard(is_sandbox=True))
        assert (fhir.paths, foreign.asked) == (["Patient/p1", "keys"] * 2, [])


def test_a_token_does_not_outlive_its_call(fhir_server: LoopbackFhir) -> None:
    fhir_server.default = PATIENT
    client, queries = FhirClient(Settings()), [Query(key="it", url="Patient/p1")]
    for token in ("one", None, "two"):
        server = FhirServer(base=fhir_server.base, token=token)
        client.read_all(server, queries, Deadline.after_ms(60_000))
    fetched(f"{fhir_server.base}/keys", client.guard)
    tokens = [token for _, token in fhir_server.asked]
    assert tokens == ["Bearer one", None, "Bearer two", None]
    assert "one" not in repr(FhirServer(base=fhir_server.base, token="one"))


def test_cookies_netrc_and_proxies_of_the_environment_are_left_alone(
    fhir_server: LoopbackFhir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    cookies: list[str | None] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        cookies.append(handler.headers["Cookie"])
        page = searchset(PATIENT, following=f"{fhir_server.base}/{len(cookies)}")
        sends(json.dumps(page).encode(), Set_Cookie="session=1; Path=/")(handler)

    fhir_server.default = answer
    assert len(read(fhir_server)[0].pages) == MAX_PAGES
    assert set(cookies) == {None}
    assert {token for _, token in fhir_server.asked} == {"Bearer tok"}
