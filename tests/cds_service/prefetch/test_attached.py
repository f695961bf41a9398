"""Notes that stand behind a URL on the CDS Client's FHIR server."""

import base64
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from cds_service.audit.migrate import upgrade
from cds_service.hooks.discovery import find_service
from cds_service.hooks.request import HookRequest
from cds_service.prefetch.attached import read_attachments
from cds_service.prefetch.complete import Prefetched
from cds_service.settings import Settings
from cds_service.tools import Tools, build_tools
from fhir_mappings.inputs import Attachment, HookResources
from fhir_mappings.mapping import map_record
from lamo.deadline import Deadline
from tests.calls import hook_call
from tests.fakes import FakeScorer, LoopbackFhir

TEXT = b"Allergies: penicillin"


@pytest.fixture
def tools(tmp_path: Path) -> Iterator[Tools]:
    settings = Settings(var_dir=tmp_path)
    upgrade(settings.database_url)
    built = build_tools(settings, scorer=FakeScorer())
    yield built
    built.audit_log.close()


def document(url: str, **more: Any) -> dict[str, Any]:
    attachment = {"contentType": "text/plain", "url": url}
    return {
        "resourceType": "DocumentReference",
        "id": url.replace("/", "-")[-20:],
        "status": "current",
        "subject": {"reference": "Patient/p1"},
        "content": [{"attachment": attachment}],
    } | more


def attached(
    tools: Tools, fhir: LoopbackFhir | None, *urls: str, ms: float = 60_000, **more: Any
) -> dict[str, Attachment]:
    server = {"fhirServer": fhir.base} if fhir else {}
    request = HookRequest.from_json(
        find_service("lamo-patient-view"), hook_call("patient-view", **server)
    )
    documents = tuple(document(url, **more) for url in urls)
    prefetched = Prefetched(resources={"documents": documents}, states={}, gaps=())
    return dict(read_attachments(request, None, prefetched, tools, Deadline.after_ms(ms)))


def send(body: bytes, kind: str, status: int = 200, **headers: str) -> Any:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in ({"Content-Type": kind} | headers).items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def test_a_binary_is_read_as_it_is_or_as_fhir(tools: Tools, fhir_server: LoopbackFhir) -> None:
    data = base64.b64encode(TEXT).decode()
    fhir_server.answers = {
        "Binary/1": send(TEXT, "text/plain; charset=utf-8"),
        "Binary/2": {"resourceType": "Binary", "contentType": "text/html", "data": data},
    }
    got = attached(tools, fhir_server, "Binary/1", f"{fhir_server.base}/Binary/2")
    assert [one.data for one in got.values()] == [TEXT, TEXT]
    assert [one.content_type for one in got.values()] == ["text/plain; charset=utf-8", "text/html"]


@pytest.mark.parametrize(
    "url",
    [
        "https://elsewhere.example/Binary/1",
        "http://127.0.0.1:1/fhir/Binary/1",
        "../admin",
        "/fhirx/Binary/1",
        "Binary/..%2f..%2fadmin",
        "file:///etc/passwd",
        "//elsewhere.example/fhir/Binary/1",
    ],
)
def test_another_place_is_never_asked(tools: Tools, fhir_server: LoopbackFhir, url: str) -> None:
    got = attached(tools, fhir_server, url)
    assert [one.failure for one in got.values()] == [
        "its text is at another place than the FHIR server"
    ]
    assert fhir_server.paths == []


def test_redirects_are_not_followed(tools: Tools, fhir_server: LoopbackFhir) -> None:
    fhir_server.answers = {"Binary/1": send(b"", "text/plain", 302, Location="/fhir/Binary/2")}
    got = attached(tools, fhir_server, "Binary/1")
    assert got["Binary/1"].failure == "its server answered with status 302"
    assert fhir_server.paths == ["Binary/1"]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (None, "its server does not have it"),
        ({"resourceType": "Patient", "id": "p1"}, "its URL leads to a Patient without data"),
        ({"resourceType": "Binary", "data": "%%"}, "its data is not base64"),
        (send(b"{", "application/fhir+json"), "its server did not answer with FHIR JSON"),
        (send(b"x" * (9 * 1024 * 1024), "text/plain"), "its server sent more than may be read"),
    ],
)
def test_why_nothing_came_is_said(
    tools: Tools, fhir_server: LoopbackFhir, answer: object, reason: str
) -> None:
    fhir_server.answers = {"Binary/1": answer}
    assert attached(tools, fhir_server, "Binary/1")["Binary/1"].failure == reason


def test_a_slow_server_costs_no_more_than_the_deadline(
    tools: Tools, fhir_server: LoopbackFhir
) -> None:
    fhir_server.answers = {"Binary/1": fhir_server.hangs}
    got = attached(tools, fhir_server, "Binary/1", ms=200)
    assert got["Binary/1"].failure == "its server did not answer in time"
    assert not fhir_server.hang.was_waited_for


def test_without_a_server_and_for_documents_that_do_not_count_nothing_is_asked(
    tools: Tools, fhir_server: LoopbackFhir
) -> None:
    failure = attached(tools, None, "Binary/1")["Binary/1"].failure
    assert failure == "its text is elsewhere, and the request has no fhirServer"
    assert attached(tools, fhir_server, "Binary/1", status="superseded") == {}
    assert attached(tools, fhir_server, "Binary/1", subject={"reference": "Patient/p2"}) == {}
    assert fhir_server.paths == []


def test_a_patient_of_another_server_with_the_same_id_is_another_one(
    tools: Tools, fhir_server: LoopbackFhir
) -> None:
    fhir_server.answers = {"Binary/1": send(TEXT, "text/plain")}
    for subject, is_read in {
        "https://other.example/Patient/p1": False,
        f"{fhir_server.base}x/Patient/p1": False,
        f"{fhir_server.base}/Patient/p1": True,
        "Patient/p1": True,
    }.items():
        one = document("Binary/1", subject={"reference": subject})
        got = attached(tools, fhir_server, "Binary/1", subject={"reference": subject})
        call = HookResources(
            patient_id="p1",
            encounter_id=None,
            decided_at=tools.clock(),
            prefetched={"documents": (one,)},
            draft_orders=(),
            attachments=got,
        )
        record, gaps = map_record(call, tools.tables)
        assert [found.data for found in record.documents] == ([TEXT] if is_read else [])
        assert ("note-not-read" in {gap.kind for gap in gaps}) is not is_read


def test_without_a_server_an_absolute_subject_cannot_be_told(tools: Tools) -> None:
    subject = {"reference": "https://other.example/Patient/p1"}
    assert set(attached(tools, None, "Binary/1", subject=subject)) == {"Binary/1"}
