"""An app, a browser and an authorization server whose clock stands still."""

import json
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cds_service.sandbox.ehr_keys import EhrKeys
from cds_service.sandbox.smart.desk import SmartDesk
from cds_service.sandbox.smart.sessions import Launch
from cds_service.sandbox.smart.token import challenge_of
from cds_service.sandbox.smart.views import smart
from tests.cds_service.sandbox.sandboxes import APPS, CALLBACK, FHIR

LAUNCH = Launch(
    patient="synthetic-65",
    user="Practitioner/sandbox-physician",
    encounter="synthetic-65-v1-e",
    app_context="decision=1",
)
SCOPE = "launch openid fhirUser offline_access patient/Condition.rs patient/*.read"
Change = dict[str, Any]


@dataclass
class Clock:
    now: float = 1_795_600_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Flow:
    """An app and a browser, before a server whose clock stands still."""

    clock: Clock
    desk: SmartDesk
    client: FlaskClient
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))

    def authorize(self, **changes: Any) -> TestResponse:
        launched = self.desk.launch_url("http://127.0.0.1:9000/launch", LAUNCH)
        asked = dict(parse_qsl(urlsplit(launched).query))
        good = {
            "response_type": "code",
            "client_id": "browser-app",
            "redirect_uri": CALLBACK,
            "scope": SCOPE,
            "state": "of-the-app",
            "nonce": "n-1",
            "aud": asked["iss"],
            "launch": asked["launch"],
            "code_challenge": challenge_of(self.verifier),
            "code_challenge_method": "S256",
        }
        return self.client.get("/auth/authorize", query_string=without(good | changes))

    def code(self, **changes: Any) -> str:
        return sent_back(self.authorize(**changes))["code"]

    def token(self, code: str, **changes: Any) -> TestResponse:
        good = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "client_id": "browser-app",
            "code_verifier": self.verifier,
        }
        return self.client.post("/auth/token", data=without(good | changes))

    def refresh(self, refresh_token: str, **changes: Any) -> TestResponse:
        good = {
            "grant_type": "refresh_token",
            "refresh_token": refresh_token,
            "client_id": "browser-app",
        }
        return self.client.post("/auth/token", data=without(good | changes))


def without(values: Change) -> Change:
    return {name: value for name, value in values.items() if value is not ...}


def sent_back(answer: TestResponse) -> dict[str, str]:
    """What the browser brings back to the app."""
    assert answer.status_code == 303, answer.data
    assert answer.headers["Location"].startswith(CALLBACK)
    return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))


def refused(answer: TestResponse, status: int = 400) -> str:
    assert answer.status_code == status, answer.data
    assert answer.headers["Cache-Control"] == "no-store"
    return str(json.loads(answer.data)["error"])


def flow_with(keys: EhrKeys) -> Flow:
    clock = Clock()
    app = Flask("smart")
    app.register_blueprint(smart)
    app.extensions["smart"] = desk = SmartDesk(keys, FHIR, APPS, clock)
    return Flow(clock, desk, app.test_client())
