"""The application with what operators see of it, and the counts from nought."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from cds_service.observing.health import Check
from cds_service.observing.metrics import counts
from cds_service.observing.traces import Traces
from cds_service.settings import Settings
from cds_service.web.app import create_app

Opened = Callable[..., FlaskClient]


@pytest.fixture(autouse=True)
def from_nought() -> Iterator[None]:
    """The counts are those of a process, and a test is none."""
    counts.cache_clear()
    yield
    counts.cache_clear()


@pytest.fixture
def opened(client: FlaskClient) -> Opened:
    """Opens an application with these settings, checks and traces."""

    def open_app(
        settings: Settings, checks: tuple[Check, ...] = (), traces: Traces | None = None
    ) -> FlaskClient:
        doors = client.application.extensions["doors"]
        changed = replace(doors, settings=settings, checks=checks, traces=traces)
        return create_app(changed).test_client()

    return open_app
