"""The sandbox's web part, put together from its rooms."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime

from flask import Flask, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException, SecurityError

from cds_service.cds_client.client import CdsClient
from cds_service.sandbox.ehr import actions, answering, consent, pages  # noqa: F401 - which make the pages
from cds_service.sandbox.ehr.desk import EhrDesk, Sitting
from cds_service.sandbox.ehr.door import open_ehr, tell
from cds_service.sandbox.ehr_keys import EhrKeys
from cds_service.sandbox.fhir.store import Store
from cds_service.sandbox.fhir.views import FhirDesk, fhir, refuse_http
from cds_service.sandbox.patients import (
    USERS,
    SandboxPatient,
    SandboxUser,
    sandbox_charts,
    sandbox_patients,
    sandbox_resources,
)
from cds_service.sandbox.smart.apps import RegisteredApp
from cds_service.sandbox.smart.desk import SmartDesk
from cds_service.sandbox.smart.views import smart
from cds_service.web.icon import show_icon

TIMEOUTS_S = (3.0, 30.0)  # as long as one waits in front of a page


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxDesk:
    """What the pages of the sandbox work with."""

    base_url: str  # of the sandbox
    service_url: str  # of the CDS service that it calls
    store: Store  # charts, and the drafts that users write
    patients: tuple[SandboxPatient, ...]
    users: tuple[SandboxUser, ...]
    keys: EhrKeys  # signs calls to the service
    smart: SmartDesk  # launches apps, and hands out tokens for the FHIR server

    @property
    def fhir_base(self) -> str:
        """The URL of the FHIR server."""
        return self.smart.fhir_base


def fhir_base_of(base_url: str) -> str:
    """Where the FHIR server of a sandbox is."""
    return f"{base_url}/fhir"


def open_sandbox(
    base_url: str,
    service_url: str,
    keys: EhrKeys,
    apps: Iterable[RegisteredApp] = (),
    today: date | None = None,
) -> SandboxDesk:
    """Make the patients, and everything around them.

    Args:
        base_url: where the sandbox will be served, without a last slash.
        service_url: of the CDS service, without a last slash.
        keys: whose issuer is base_url.
        apps: that may be launched.
        today: of which the charts are; the day of the start unless given.
    """
    charts = sandbox_charts(today or datetime.now(UTC).date())
    return SandboxDesk(
        base_url=base_url,
        service_url=service_url,
        store=Store(sandbox_resources(charts)),
        patients=sandbox_patients(charts),
        users=USERS,
        keys=keys,
        smart=SmartDesk(keys, fhir_base_of(base_url), apps),
    )


def create_sandbox(desk: SandboxDesk) -> Flask:
    """The sandbox, answering this machine alone."""
    app = Flask("cds_service.sandbox", static_folder=None)
    app.config["TRUSTED_HOSTS"] = ["localhost", "127.0.0.1", "[::1]"]  # no page of elsewhere
    app.config["MAX_CONTENT_LENGTH"] = 1024 * 1024
    app.extensions["sandbox"] = desk
    app.extensions["smart"] = desk.smart
    app.extensions["fhir"] = FhirDesk(
        base=desk.fhir_base,
        store=desk.store,
        find_grant=desk.smart.find_grant,
        smart=desk.smart.configuration(),
    )
    app.register_blueprint(fhir)
    app.register_blueprint(smart)
    open_ehr(app, ehr_desk(desk))
    app.add_url_rule("/favicon.ico", view_func=show_icon)
    app.register_error_handler(HTTPException, refuse)
    return app


def refuse(error: HTTPException) -> ResponseReturnValue:
    """What is no address or request of ours: for programs in FHIR, for people as a page."""
    if isinstance(error, SecurityError):  # another host's name: no page has an address then
        return error
    return refuse_http(error) if request.path.startswith("/fhir") else tell(error)


def ehr_desk(desk: SandboxDesk) -> EhrDesk:
    """What the EHR's pages work with."""
    return EhrDesk(
        patients=desk.patients,
        users=desk.users,
        sitting=Sitting(user=desk.users[0]),
        store=desk.store,
        smart=desk.smart,
        client=CdsClient(
            url=desk.service_url,
            public_url=desk.service_url,
            signer=desk.keys.signer,
            timeouts_s=TIMEOUTS_S,
        ),
    )
