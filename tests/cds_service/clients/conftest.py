"""A service in production mode with one registered client, over a real database."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from cds_service.audit.database import open_engine
from cds_service.audit.migrate import upgrade
from cds_service.clients.client import RegisteredClient, client_from
from cds_service.clients.keys import ClientKeys
from cds_service.clients.refused import RefusedTokens
from cds_service.clients.registry import ClientRegistry
from cds_service.clients.seen_tokens import SeenTokens
from cds_service.doors import Doors
from cds_service.outbound.errors import ReadFailed
from cds_service.settings import Settings
from cds_service.trust import Trust
from cds_service.web.app import create_app
from lamo.deadline import Deadline
from tests.calls import hook_call
from tests.fakes import FakeDecide, FakeRecorder, admit_all, demo_card
from tests.tokens import ISSUER, Signer, ec_key

BASE = "https://cds.example.org"
SERVICE = f"{BASE}/cds-services/lamo-order-sign"
KEYS_URL = "https://ehr.example.org/keys.json"
SIGNER = Signer(key=ec_key())


@dataclass
class KeyServer:
    """What is behind the key URLs, and how often it was asked."""

    sets: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    is_down: bool = False

    def fetch(self, url: str, deadline: Deadline) -> Any:
        del deadline
        self.asked.append(url)
        if self.is_down or url not in self.sets:
            raise ReadFailed("could not be reached")
        return self.sets[url]


@dataclass
class House:
    """The service, what stands behind it, and the clock that it looks at."""

    client: FlaskClient
    trust: Trust
    engine: Engine
    recorder: FakeRecorder
    decide: FakeDecide
    keys: KeyServer
    passed_s: list[float]  # one number: how far our clock is ahead of the machine's

    def post(
        self, token: str | None, path: str = "/cds-services/lamo-order-sign", **headers: str
    ) -> Any:
        """Post a good call with a token behind Bearer."""
        told = {"Authorization": f"Bearer {token}"} if token is not None else {}
        return self.client.post(path, json=hook_call(), headers=told | headers)

    def reasons(self) -> list[str]:
        """Why tokens were refused."""
        return [row.reason for row in self.trust.refused.latest()]


def registered(**changes: Any) -> RegisteredClient:
    """A client with pinned keys; a change replaces a member, `...` removes it."""
    members = {"name": "ehr-1", "issuer": ISSUER, "jwks": SIGNER.jwks} | changes
    return client_from({name: value for name, value in members.items() if value is not ...})


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    url = f"sqlite:///{tmp_path}/audit.db"
    upgrade(url)
    made = open_engine(url, durable=False)
    yield made
    made.dispose()


@pytest.fixture
def house(engine: Engine, make_house: Callable[..., House]) -> House:
    ClientRegistry(engine).add(registered())
    return make_house()


@pytest.fixture
def make_house(tmp_path: Path, engine: Engine) -> Callable[..., House]:
    """Builds a service; settings may be changed."""

    def make(**changes: Any) -> House:
        chosen: dict[str, Any] = {"mode": "production", "public_url": BASE, "deadline_ms": 60_000}
        settings = Settings(var_dir=tmp_path, **(chosen | changes))
        keys, passed, recorder, decide = KeyServer(), [0.0], FakeRecorder(), FakeDecide()
        trust = _trust(settings, engine, keys, passed)
        doors = Doors(
            settings=settings,
            recorder=recorder,
            identify=trust.identify,
            spend=trust.spend,
            admit=admit_all,
            refused_tokens=trust.refused.latest,
            decide=decide,
            is_demonstration=False,
            model_card=demo_card,
        )
        client = create_app(doors).test_client()
        return House(client, trust, engine, recorder, decide, keys, passed)

    return make


def _trust(settings: Settings, engine: Engine, keys: KeyServer, passed: list[float]) -> Trust:
    made = Trust(
        registry=ClientRegistry(engine, settings.clients_file, clock=lambda: passed[0]),
        keys=ClientKeys(keys.fetch, clock=lambda: passed[0]),
        seen=SeenTokens(engine),
        refused=RefusedTokens(engine),
        takes_anonymous=not settings.is_production,
    )
    machine = made.clock
    return replace(made, clock=lambda: machine() + passed[0])
