"""Notes as a hook meets them: an allergy that only a note tells of, behind a URL, in a PDF."""

import json
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import requests
from click.testing import CliRunner

from cds_service.audit.migrate import upgrade
from cds_service.cli import main
from cds_service.settings import Settings
from tests.calls import PATIENT, hook_call, searchset
from tests.cds_service.card_rules import assert_valid_cards
from tests.fakes import LoopbackFhir
from tests.fhir_mappings.test_attachments_pdf import drawing, page_of
from tests.served import served

NOTE = "Allergies: amoxicillin (swelling of the face)"
ORDER = {
    "resourceType": "MedicationRequest",
    "id": "draft-1",
    "status": "draft",
    "intent": "order",
    "medicationCodeableConcept": {"text": "amoxicillin 500 MG Oral Capsule"},
    "subject": {"reference": "Patient/p1"},
}


def document(url: str, kind: str) -> dict[str, Any]:
    return {
        "resourceType": "DocumentReference",
        "id": "d1",
        "status": "current",
        "type": {"coding": [{"system": "http://loinc.org", "code": "34117-2"}]},
        "subject": {"reference": "Patient/p1"},
        "content": [{"attachment": {"contentType": kind, "url": url}}],
    }


def sends(data: bytes, kind: str) -> Any:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    return answer


def test_an_allergy_in_a_pdf_behind_a_url_warns_with_the_notes_words(
    tmp_path: Path, fhir_server: LoopbackFhir
) -> None:
    fhir_server.answers = {"Binary/1": sends(page_of(drawing(NOTE)), "application/pdf")}
    call = hook_call(
        "order-sign",
        fhirServer=fhir_server.base,
        context={
            "userId": "Practitioner/1",
            "patientId": "p1",
            "draftOrders": {"resourceType": "Bundle", "entry": [{"resource": ORDER}]},
        },
    )
    call["prefetch"]["documents"] = searchset(document("Binary/1", "application/pdf"))
    with served(tmp_path) as service:
        answer = requests.post(f"{service.url}/cds-services/lamo-order-sign", json=call, timeout=60)
    assert answer.status_code == 200
    cards = answer.json()["cards"]
    assert_valid_cards(cards, "p1")
    (allergy,) = [card for card in cards if card["source"]["topic"]["code"] == "allergy"]
    assert "swelling of the face" in allergy["detail"]


def test_notes_are_read_ahead_for_a_list_of_patients_and_forgotten(
    tmp_path: Path, fhir_server: LoopbackFhir, monkeypatch: Any
) -> None:
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    upgrade(Settings(var_dir=tmp_path).database_url)
    fhir_server.answers = {
        "Binary/1": sends(page_of(drawing(NOTE)), "application/pdf"),
        "DocumentReference": searchset(document("Binary/1", "application/pdf")),
        "Patient/p1": PATIENT,
    }
    patients = tmp_path / "patients.txt"
    patients.write_text("p1\n\n# a comment\np1\n")
    arguments = ["notes", "warm", "--fhir-server", fhir_server.base, "--patients", str(patients)]
    first = CliRunner().invoke(main, arguments)
    assert first.output == "p1: 1 read, 0 kept before\n", first.output
    again = CliRunner().invoke(main, arguments)
    assert again.output == "p1: 0 read, 1 kept before\n"
    assert b"swelling" not in (tmp_path / "audit.db").read_bytes()
    gone = CliRunner().invoke(main, ["notes", "forget", "--patient", "p1"])
    assert gone.output == "ok: 1 digests are deleted, 0 are left\n"


def test_notes_that_cannot_be_had_are_named_and_the_command_fails(
    tmp_path: Path, fhir_server: LoopbackFhir, monkeypatch: Any
) -> None:
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    upgrade(Settings(var_dir=tmp_path).database_url)
    fhir_server.answers = {"DocumentReference": searchset(document("Binary/9", "text/plain"))}
    patients = tmp_path / "patients.txt"
    patients.write_text("p1\n")
    arguments = ["notes", "warm", "--fhir-server", fhir_server.base, "--patients", str(patients)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1
    assert "DocumentReference/d1: A document was not read: its server does not have it" in (
        result.output
    )


def test_a_file_is_read_as_the_service_would(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    (tmp_path / "note.pdf").write_bytes(page_of(drawing(NOTE)))
    result = CliRunner().invoke(main, ["notes", "read", str(tmp_path / "note.pdf")])
    assert json.loads(result.output)["allergies"][0]["name"] == "amoxicillin"
