"""The official CDS Hooks Sandbox with this FHIR server behind it: what it was recorded to send."""

import json
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from cds_service.sandbox.app import SandboxDesk
from cds_service.sandbox.smart.sessions import Launch, Session

RECORDED_PATIENT = "smart-1288992"


@pytest.fixture
def recordings(test_data: Path) -> dict[str, Any]:
    files = sorted((test_data / "data" / "hook_requests").glob("*-call-*.json"))
    return {file.name: json.loads(file.read_text())["body"] for file in files}


def moved(body: dict[str, Any], desk: SandboxDesk) -> dict[str, Any]:
    """A recorded call as it would be of one of our patients, on our server."""
    patient = desk.patients[0].patient_id
    call: dict[str, Any] = json.loads(json.dumps(body).replace(RECORDED_PATIENT, patient))
    call["fhirServer"] = desk.fhir_base
    if "fhirAuthorization" in call:
        launch = Launch(patient=patient, user=call["context"]["userId"])
        scopes = tuple(call["fhirAuthorization"]["scope"].split())
        session = Session(client_id="cds-hooks-sandbox", scopes=scopes, launch=launch)
        call["fhirAuthorization"]["access_token"] = desk.smart.access_token(session)
    return call


def test_every_recorded_call_is_answered(
    recordings: dict[str, Any], served_sandbox: SandboxDesk, service: FlaskClient
) -> None:
    assert len(recordings) == 15
    for name, body in recordings.items():
        for sent in (moved(body, served_sandbox), bare(moved(body, served_sandbox))):
            answer = service.post(f"/cds-services/lamo-{body['hook']}", json=sent)
            assert answer.status_code == 200, name
            gaps = [
                one for one in answer.get_json()["cards"] if "Could not check" in one["summary"]
            ]
            assert all("named no orders" in one["summary"] for one in gaps), name


def bare(call: dict[str, Any]) -> dict[str, Any]:
    """Without prefetch, so that the service reads everything from the server."""
    return {name: value for name, value in call.items() if name != "prefetch"}
