"""The evidence app over a real log, and an EHR that has it registered."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from cds_service.audit.migrate import upgrade
from cds_service.clients.building import build_trust
from cds_service.clients.client import client_from
from cds_service.doors import Doors
from cds_service.keys.signing import FILE as SIGNING_FILE
from cds_service.keys.signing import SigningFile
from cds_service.reviewer.building import build_desk
from cds_service.reviewer.desk import ReviewDesk
from cds_service.settings import Settings
from cds_service.smart.app_key import FILE, AppKey
from cds_service.smart.building import build_smart_desk
from cds_service.smart.desk import SmartDesk
from cds_service.tools import Tools, build_tools
from cds_service.trust import Caller
from cds_service.web.app import create_app
from tests.cds_service.smart.ehrs import SERVICE, Ehr, hostile_chart, served_ehr
from tests.cds_service.smart.hospitals import NAME, Clock, Hospital, LengthScorer
from tests.fakes import FakeDecide, FakeRecorder, FakeScorer, admit_all, demo_card


@pytest.fixture(scope="module")
def app_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("app")


@pytest.fixture(scope="module")
def running_ehr(app_folder: Path) -> Iterator[Ehr]:
    with served_ehr(*hostile_chart(), jwks=AppKey(app_folder / FILE).jwks()) as ehr:
        yield ehr


@pytest.fixture
def ehr(running_ehr: Ehr) -> Ehr:
    running_ehr.keys.errs.clear()
    return running_ehr


@pytest.fixture(scope="module")
def running_tools(app_folder: Path) -> Iterator[Tools]:
    """One service for all tests of a module: its log grows."""
    settings = Settings(var_dir=app_folder, public_url=SERVICE, deadline_ms=60_000)
    upgrade(settings.database_url)
    SigningFile(settings.var_dir / SIGNING_FILE).create()
    built = build_tools(settings, scorer=LengthScorer())
    yield replace(built, clock=Clock())
    built.audit_log.close()


@pytest.fixture
def clock(running_tools: Tools) -> Clock:
    assert isinstance(running_tools.clock, Clock)
    return running_tools.clock


@pytest.fixture
def scorer(running_tools: Tools) -> FakeScorer:
    assert isinstance(running_tools.scorer, FakeScorer)
    return running_tools.scorer


@pytest.fixture
def app_tools(running_tools: Tools, clock: Clock, scorer: FakeScorer) -> Tools:
    clock.ahead, scorer.outage = timedelta(), None
    return running_tools


@pytest.fixture
def app_members() -> dict[str, str]:
    """How the app is registered: by default as a public one."""
    return {"smart_client_id": "public-app"}


@pytest.fixture
def smart_desk(app_tools: Tools, ehr: Ehr, app_members: dict[str, str]) -> SmartDesk:
    """The app, registered at the EHR as it is meant to be for this test."""
    desk = build_smart_desk(app_tools)
    if any(one.client.name == NAME for one in desk.registry.list_all()):
        desk.registry.remove(NAME)
    desk.registry.add(
        client_from(
            {
                "name": NAME,
                "issuer": ehr.keys.issuer,
                "jwks": ehr.keys.service_jwks(),
                "fhir_bases": [ehr.base],
                **app_members,
                "frame_origins": [ehr.keys.issuer],
            }
        )
    )
    return desk


@pytest.fixture(scope="module")
def review(running_tools: Tools) -> ReviewDesk:
    """The reviewers' pages, in whose style the app prints."""
    return build_desk(running_tools, build_trust(running_tools.settings), demo_card)


@pytest.fixture
def web(app_tools: Tools, smart_desk: SmartDesk, review: ReviewDesk) -> Flask:
    return create_app(
        Doors(
            settings=app_tools.settings,
            recorder=FakeRecorder(),
            identify=lambda presented, deadline: Caller(),
            spend=lambda caller, request_id, deadline: None,
            admit=admit_all,
            decide=FakeDecide(),
            is_demonstration=True,
            model_card=demo_card,
            review=review,
            smart=smart_desk,
        )
    )


@pytest.fixture
def browser(web: Flask) -> FlaskClient:
    return web.test_client()


@pytest.fixture
def hospital(ehr: Ehr, app_tools: Tools) -> Hospital:
    return Hospital(ehr, app_tools)
