"""What an integrator finds: our service as it runs, and services of others on this machine."""

import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask, Response, request
from werkzeug.serving import make_server

from tests.fakes import LoopbackFhir
from tests.tokens import Signer

ORIGIN = "https://ehr.example.org"


@dataclass(frozen=True)
class Deployed:
    """A running service in sandbox mode, a client that is registered with it, a FHIR server."""

    url: str
    var_dir: Path
    signer: Signer
    fhir: LoopbackFhir


CARD = {"summary": "Have a look", "indicator": "info", "source": {"label": "Other"}}
OTHER = {
    "hook": "patient-view",
    "id": "other",
    "description": "Another one",
    "prefetch": {"patient": "Patient/{{context.patientId}}"},
}


@dataclass
class OtherService:
    """A CDS Service of somebody else: plain answers, no OperationOutcome."""

    services: list[dict[str, Any]]
    cards: object = (CARD,)
    to_rubbish: int = 400
    to_strangers: int = 200

    def app(self) -> Flask:
        app = Flask("other")
        app.get("/cds-services")(lambda: ({"services": self.services}, self.to_strangers))
        app.post("/cds-services/<name>")(self._call)
        return app

    def _call(self, name: str) -> tuple[Mapping[str, Any] | Response, int]:
        call = request.get_json(silent=True)
        if name != "other" or not isinstance(call, dict) or "context" not in call:
            return Response("no"), self.to_rubbish
        return {"cards": self.cards}, 200


@contextmanager
def serving(app: Flask, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """The URL of an application that is served on this machine."""
    server = make_server("127.0.0.1", 0, app, threaded=True, ssl_context=tls)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"{'https' if tls else 'http'}://localhost:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
