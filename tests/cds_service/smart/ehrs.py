"""An EHR of this machine that launches the evidence app, and what it may do wrong."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import jwt
from werkzeug.serving import make_server

from cds_service.sandbox.app import SandboxDesk, create_sandbox, open_sandbox
from cds_service.sandbox.ehr_keys import EhrKeys
from cds_service.sandbox.fhir.store import Store
from cds_service.sandbox.smart.apps import RegisteredApp
from cds_service.sandbox.smart.sessions import Launch
from tests.served import free_port

SERVICE = "http://localhost"  # as the test client of Flask calls it
CALLBACK = f"{SERVICE}/smart/callback"
USER = "Practitioner/sandbox-physician"
ICD = "http://hl7.org/fhir/sid/icd-10-cm"
SCRIPT = "<script>alert(1)</script>"


@dataclass(frozen=True, slots=True, kw_only=True)
class ErringKeys(EhrKeys):
    """Puts other claims into id_tokens, where a test says so; alg "none" signs nothing."""

    errs: dict[str, Any] = field(default_factory=dict)

    def identity_token(self, claims: Mapping[str, Any]) -> str:
        wrong = {**claims, **self.errs}
        if wrong.pop("alg", None) == "none":
            return jwt.encode(wrong, "", "none")
        return EhrKeys.identity_token(self, wrong)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ehr:
    """The sandbox, served."""

    desk: SandboxDesk
    keys: ErringKeys

    @property
    def base(self) -> str:
        """Of its FHIR server."""
        return self.desk.fhir_base

    def launch(self, event_id: str, patient: str, url: str = f"{SERVICE}/smart/launch") -> str:
        """Where its page sends the browser when a user follows a card's link."""
        told = Launch(patient=patient, user=USER, app_context=event_id)
        return self.desk.smart.launch_url(url, told)


@contextmanager
def served_ehr(*more: dict[str, Any], jwks: Mapping[str, Any] | None = None) -> Iterator[Ehr]:
    """An EHR behind a port, with more resources in its charts.

    Args:
        more: resources.
        jwks: of the app that is registered as confidential.
    """
    port = free_port()
    keys = ErringKeys(issuer=f"http://127.0.0.1:{port}")
    apps = [
        RegisteredApp(client_id="public-app", redirect_uris=(CALLBACK,)),
        RegisteredApp(client_id="confidential-app", redirect_uris=(CALLBACK,), jwks=jwks),
    ]
    desk = open_sandbox(keys.issuer, SERVICE, keys, apps)
    types = ("Patient", "Condition", "MedicationRequest", "Encounter", "AllergyIntolerance")
    known = [one for kind in types for one in desk.store.all_of(kind)]
    desk = SandboxDesk(
        base_url=desk.base_url,
        service_url=SERVICE,
        store=Store([*known, *more]),
        patients=desk.patients,
        users=desk.users,
        keys=keys,
        smart=desk.smart,
    )
    server = make_server("127.0.0.1", port, create_sandbox(desk), threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield Ehr(desk=desk, keys=keys)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def hostile_chart() -> list[dict[str, Any]]:
    """A patient whose every text is a script."""
    subject = {"reference": "Patient/evil"}
    concept = {
        "coding": [
            {"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "I10", "display": SCRIPT}
        ],
        "text": SCRIPT,
    }
    active = {"coding": [{"code": "active", "display": SCRIPT}], "text": SCRIPT}
    order = {"resourceType": "MedicationRequest", "status": "active", "intent": "order"}
    return [
        {"resourceType": "Patient", "id": "evil", "name": [{"text": SCRIPT}], "gender": SCRIPT,
         "birthDate": SCRIPT},
        {"resourceType": "Condition", "id": "evil-1", "subject": subject, "code": concept,
         "clinicalStatus": active, "recordedDate": SCRIPT},
        {**order, "id": "evil-2", "subject": subject, "authoredOn": SCRIPT,
         "medicationCodeableConcept": {"text": SCRIPT}},
    ]  # fmt: skip
