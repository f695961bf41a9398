"""What several tests need."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from cds_service.doors import Doors
from cds_service.settings import Settings
from cds_service.trust import Caller
from cds_service.web.app import create_app
from tests.fakes import FakeDecide, FakeRecorder, LoopbackFhir, admit_all, demo_card, loopback_fhir


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(var_dir=tmp_path, deadline_ms=60_000)


@pytest.fixture
def decide() -> FakeDecide:
    return FakeDecide()


@pytest.fixture
def recorder() -> FakeRecorder:
    return FakeRecorder()


@pytest.fixture
def client(settings: Settings, decide: FakeDecide, recorder: FakeRecorder) -> FlaskClient:
    doors = Doors(
        settings=settings,
        recorder=recorder,
        identify=lambda presented, deadline: Caller(),
        spend=lambda caller, request_id, deadline: None,
        admit=admit_all,
        decide=decide,
        is_demonstration=True,
        model_card=demo_card,
    )
    return create_app(doors).test_client()


@pytest.fixture
def fhir_server() -> Iterator[LoopbackFhir]:
    with loopback_fhir() as server:
        yield server


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of shared test data; tests that need it are skipped without it."""
    folder = os.environ.get("LAMO_TEST_DATA")
    if not folder:
        pytest.skip("LAMO_TEST_DATA is not set: name the folder of shared test data")
    return Path(folder)
