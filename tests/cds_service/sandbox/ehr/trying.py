"""Somebody in front of the EHR, and what stands behind it."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from typing import TYPE_CHECKING, Any

from flask.testing import FlaskClient
from werkzeug.serving import make_server

from cds_service.audit.log import AuditLog
from cds_service.sandbox.app import SandboxDesk
from cds_service.sandbox.ehr.desk import EhrDesk, Firing
from cds_service.sandbox.fhir.store import Resource
from cds_service.sandbox.patients import SandboxPatient
from tests.fakes import FakeScorer

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


@dataclass(frozen=True, slots=True)
class Trying:
    """Somebody in front of the EHR."""

    pages: FlaskClient
    desk: SandboxDesk
    ehr: EhrDesk
    log: AuditLog  # of the service
    scorer: FakeScorer  # of the service

    def patient(self, name: str) -> SandboxPatient:
        return next(one for one in self.desk.patients if one.name == name)

    def click(self, patient: SandboxPatient, path: str, **form: Any) -> str:
        """Send a form of a chart, and read the page that comes."""
        url = f"/ehr/charts/{patient.patient_id}"
        came = self.pages.post(f"{url}/{path}", data=form, follow_redirects=True)
        assert came.status_code == 200, came.text
        return came.text

    def page(self, patient: SandboxPatient, query: str = "") -> str:
        return self.pages.get(f"/ehr/charts/{patient.patient_id}{query}").text

    def last(self, patient: SandboxPatient) -> Firing:
        """The hook that was fired last."""
        return self.ehr.sitting.chart(patient.patient_id).firings[0]

    def orders(self, patient: SandboxPatient, status: str) -> list[Resource]:
        return self.ehr.orders(patient.patient_id, status)

    def newest_event(self) -> Any:
        """What the service recorded last."""
        return self.log.find_event(self.log.list_events(limit=1)[0].event_id)


@contextmanager
def behind(port: int, app: "WSGIApplication") -> Iterator[None]:
    """Serve an app in threads."""
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def text_of(page: str) -> str:
    """The words of a page, as a reader sees them."""
    return " ".join(unescape(re.sub(r"<(title|style).*?</\1>|<[^>]*>", " ", page)).split())
