"""A hospital whose EHR calls the service, and sends browsers to the evidence app."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import requests
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cds_service.audit.log import AuditLog
from cds_service.call import Call
from cds_service.decision import decide
from cds_service.hooks.discovery import find_service
from cds_service.hooks.request import HookRequest
from cds_service.sandbox.smart.sessions import Launch, Session
from cds_service.tools import Tools
from cds_service.trust import Caller
from lamo.deadline import Deadline
from tests.cds_service.smart.ehrs import SERVICE, USER, Ehr
from tests.fakes import FakeScorer

NAME = "hospital"


class LengthScorer(FakeScorer):
    """Every candidate scores lower the longer the prompt is, and far too low for an order."""

    def score(self, prompt: Any, candidates: Any, deadline: Any) -> Any:
        found = super().score(prompt, candidates, deadline)
        return {label: odds - len(prompt.text) / 1000 for label, odds in found.items()}


@dataclass
class Clock:
    """Now, which a test may move on."""

    ahead: timedelta = field(default_factory=timedelta)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass
class Hospital:
    """The EHR's side of it: calls hooks, and sends browsers around."""

    ehr: Ehr
    tools: Tools

    @property
    def log(self) -> AuditLog:
        return self.tools.audit_log

    def patient(self, number: int = 0) -> str:
        return self.ehr.desk.patients[number].patient_id

    def decides(self, patient: str = "", client: str = NAME) -> list[dict[str, Any]]:
        """The cards for the drafts of a patient, read from the EHR; by default, of the first."""
        bases = (self.ehr.base,)
        caller = Caller(client=client, fhir_bases=bases, has_app=client == NAME)
        call = Call(caller=caller, request_id="r", deadline=Deadline.after_ms(60_000))
        body = hook_body(self.ehr, patient or self.patient())
        request = HookRequest.from_json(find_service("lamo-order-sign"), body)
        return decide(request, call, self.tools)

    def newest(self) -> str:
        """The id of the last event."""
        return self.log.list_events(limit=1)[0].event_id

    def comes_back(self, browser: FlaskClient, launch: str, **other: str) -> TestResponse:
        """A browser goes to the authorization server and back; what it brings may be replaced."""
        sent = browser.get(launch.removeprefix(SERVICE))
        assert sent.status_code == 303, sent.text
        back = requests.get(sent.headers["Location"], allow_redirects=False, timeout=60)
        brought = dict(parse_qsl(urlsplit(back.headers["Location"]).query)) | other
        return browser.get(f"/smart/callback?{urlencode(brought)}")

    def opens(self, browser: FlaskClient, event_id: str, patient: str = "") -> str:
        """The address of the page that a card's link leads to."""
        launch = self.ehr.launch(event_id, patient or self.patient())
        answer = self.comes_back(browser, launch)
        assert answer.status_code == 303, answer.text
        return answer.headers["Location"]

    def looks(self) -> list[dict[str, Any]]:
        """What was recorded of looks, the newest first."""
        events = [one for one in self.log.list_events(limit=50) if one.kind == "access"]
        return [dict(self.log.find_event(one.event_id).body) for one in events]


def hook_body(ehr: Ehr, patient: str) -> dict[str, Any]:
    """An order-sign call that sends no prefetch."""
    chart = next((one for one in ehr.desk.patients if one.patient_id == patient), None)
    drafts = chart.drafts if chart else [draft_of(patient)]
    scopes = ("patient/*.rs",)
    session = Session(client_id="cds", scopes=scopes, launch=Launch(patient=patient, user=USER))
    return {
        "hook": "order-sign",
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "fhirServer": ehr.base,
        "fhirAuthorization": {
            "access_token": ehr.desk.smart.access_token(session), "token_type": "Bearer",
            "expires_in": 300, "scope": " ".join(scopes), "subject": "cds", "patient": patient,
        },
        "context": {
            "userId": USER,
            "patientId": patient,
            "draftOrders": {
                "resourceType": "Bundle", "entry": [{"resource": dict(one)} for one in drafts]
            },
        },
    }  # fmt: skip


def draft_of(patient: str) -> dict[str, Any]:
    return {
        "resourceType": "MedicationRequest", "id": "draft-1", "status": "draft", "intent": "order",
        "medicationCodeableConcept": {"text": "ibuprofen 800 MG Oral Tablet"},
        "subject": {"reference": f"Patient/{patient}"},
    }  # fmt: skip
