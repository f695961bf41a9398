"""The whole service with its bundled model, and a log of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from cds_service.audit.migrate import upgrade
from cds_service.clients.building import build_trust
from cds_service.decision import decide
from cds_service.doors import Doors
from cds_service.settings import Settings
from cds_service.tools import Tools, build_tools
from cds_service.web.app import create_app
from tests.fakes import admit_all, demo_card


@dataclass(frozen=True)
class Service:
    client: FlaskClient
    tools: Tools

    def call(self, service_id: str, body: dict[str, Any]) -> Any:
        """Post a hook call and return the answer."""
        return self.client.post(f"/cds-services/{service_id}", json=body)


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    settings = Settings(var_dir=tmp_path_factory.mktemp("var"), deadline_ms=60_000)
    with opened(settings) as made:
        yield made


@contextmanager
def opened(settings: Settings) -> Iterator[Service]:
    """The service over an audit log of its own, in this process."""
    upgrade(settings.database_url)
    tools = build_tools(settings)
    trust = build_trust(settings)
    doors = Doors(
        settings=settings,
        recorder=tools.audit_log,
        identify=trust.identify,
        spend=trust.spend,
        admit=admit_all,
        decide=partial(decide, tools=tools),
        is_demonstration=True,
        model_card=demo_card,
    )
    yield Service(create_app(doors).test_client(), tools)
    tools.audit_log.close()


@pytest.fixture(scope="session")
def examples() -> Path:
    return Path(__file__).parents[2] / "examples"
