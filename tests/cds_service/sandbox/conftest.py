"""A sandbox of a fixed day, in this process or behind a port, and the service that it calls."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import pytest
from flask.testing import FlaskClient
from werkzeug.serving import make_server

from cds_service.audit.migrate import upgrade
from cds_service.decision import decide
from cds_service.doors import Doors
from cds_service.keys.signing import FILE as SIGNING_FILE
from cds_service.keys.signing import SigningFile
from cds_service.sandbox.app import SandboxDesk, create_sandbox
from cds_service.sandbox.ehr_keys import EhrKeys
from cds_service.settings import Settings
from cds_service.tools import build_tools
from cds_service.trust import Caller
from cds_service.web.app import create_app
from tests.cds_service.sandbox.sandboxes import BASE, TODAY, open_on
from tests.cds_service.sandbox.smart_flow import Flow, flow_with
from tests.fakes import admit_all, demo_card
from tests.served import free_port


@pytest.fixture(scope="module")
def sandbox() -> SandboxDesk:
    return open_on(BASE)


@pytest.fixture(scope="module")
def ehr(sandbox: SandboxDesk) -> FlaskClient:
    """The sandbox without a network."""
    return create_sandbox(sandbox).test_client()


@pytest.fixture(scope="module")
def served_sandbox() -> Iterator[SandboxDesk]:
    """The sandbox behind a port of this machine."""
    port = free_port()
    desk = open_on(f"http://127.0.0.1:{port}")
    server = make_server("127.0.0.1", port, create_sandbox(desk), threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield desk
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """The service with its bundled model, on the day of the sandbox."""
    settings = Settings(var_dir=tmp_path_factory.mktemp("var"), deadline_ms=60_000)
    upgrade(settings.database_url)
    noon = datetime(TODAY.year, TODAY.month, TODAY.day, 12, tzinfo=UTC)
    tools = replace(build_tools(settings), clock=lambda: noon)
    SigningFile(settings.var_dir / SIGNING_FILE).create()
    doors = Doors(
        settings=settings,
        recorder=tools.audit_log,
        identify=lambda presented, deadline: Caller(),
        spend=lambda caller, request_id, deadline: None,
        admit=admit_all,
        decide=partial(decide, tools=tools),
        is_demonstration=True,
        model_card=demo_card,
    )
    yield create_app(doors).test_client()
    tools.audit_log.close()


@pytest.fixture(scope="session")
def keys() -> EhrKeys:
    return EhrKeys(issuer=BASE)


@pytest.fixture
def flow(keys: EhrKeys) -> Flow:
    return flow_with(keys)
