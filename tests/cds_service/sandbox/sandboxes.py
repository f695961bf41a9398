"""Sandboxes of a fixed day, and the apps that they launch."""

from datetime import date
from typing import Any

from fhir.resources.R4B import get_fhir_model_class
from werkzeug.test import TestResponse

from cds_service.sandbox.app import SandboxDesk, open_sandbox
from cds_service.sandbox.ehr_keys import EhrKeys
from cds_service.sandbox.smart.apps import RegisteredApp
from tests.tokens import Signer

Resource = dict[str, Any]

TODAY = date(2026, 11, 26)
BASE = "http://127.0.0.1:8081"
FHIR = f"{BASE}/fhir"
CALLBACK = "http://127.0.0.1:9000/callback"
SIGNER = Signer(issuer="hospital-app")
APPS = (
    RegisteredApp(
        client_id="browser-app",
        redirect_uris=(CALLBACK, "http://127.0.0.1:9000/other?kept=1"),
        launch_url="http://127.0.0.1:9000/launch",
    ),
    RegisteredApp(client_id="other-app", redirect_uris=(CALLBACK,)),
    RegisteredApp(client_id=SIGNER.issuer, redirect_uris=(CALLBACK,), jwks=SIGNER.jwks),
)


def open_on(base_url: str) -> SandboxDesk:
    keys = EhrKeys(issuer=base_url)
    return open_sandbox(base_url, "http://127.0.0.1:8080", keys, APPS, TODAY)


def body_of(answer: TestResponse, status: int = 200) -> Resource:
    """The answer, which has to be valid FHIR R4 in any case."""
    assert answer.status_code == status, answer.data
    body: Resource = answer.get_json()
    get_fhir_model_class(body["resourceType"]).model_validate(body)
    return body
