"""Fixtures for the pages under /review: an app over a real log, and viewers of every role.

A test module that needs them names this module and ``tests.cds_service.audit_fixtures`` in
``pytest_plugins``.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient

from cds_service.audit.evidence import Evidence
from cds_service.audit.exports.exporter import Exporter
from cds_service.audit.full_check import FullVerification
from cds_service.audit.log import AuditLog
from cds_service.audit.read_model.reading import ReadModel
from cds_service.clients.client import RegisteredClient
from cds_service.clients.listed import Listed
from cds_service.clients.refused import RefusedToken
from cds_service.doors import Doors
from cds_service.keys.service import KeyService
from cds_service.keys.signing import FILE as SIGNING_FILE
from cds_service.keys.signing import SigningFile
from cds_service.reviewer.accounts.building import AccountParts, Accounts, build_accounts
from cds_service.reviewer.accounts.passwords import Passwords
from cds_service.reviewer.cookies import cookie_name
from cds_service.reviewer.desk import ReviewDesk
from cds_service.reviewer.replay import Replayer
from cds_service.reviewer.roles import Role
from cds_service.served.identity import service_identity
from cds_service.settings import Settings
from cds_service.stops.stops import Stops
from cds_service.trust import Caller
from cds_service.web.app import create_app
from fhir_mappings.formulary import Formulary
from lamo.artifact import Artifact, bundled_artifact_folder, load_artifact
from tests.cds_service.reviewer.signing_in import HOSTILE, SignIn, viewer_of
from tests.fakes import FakeDecide, FakeRecorder, FakeScorer, admit_all, demo_card
from tests.tokens import Signer, ec_key

CLIENTS = (
    Listed(
        client=RegisteredClient(
            name="ehr-1",
            issuer=f"https://ehr.example.org/{HOSTILE}",
            jwks=Signer(key=ec_key()).jwks,
        ),
        source="database",
        changed_at="2026-03-01T12:00:00.000000Z",
    ),
)
REFUSED = (
    RefusedToken(
        minute="2026-03-01T12:00:00.000000Z",
        client="",
        reason="issuer",
        count=3,
        detail=f"found {HOSTILE}",
        request_id="r1",
    ),
)
FORMULARY = Formulary.load()  # which takes a while
TODAY = datetime(2026, 4, 1, 12, tzinfo=UTC)


@pytest.fixture
def review_accounts(
    audit_log: AuditLog, audit_url: str, audit_keys: KeyService
) -> Iterator[Accounts]:
    """Accounts beside the log; passwords cost little here."""
    cheap = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    parts = AccountParts(log=audit_log, keys=audit_keys, passwords=cheap)
    accounts = build_accounts(Settings(database_url=audit_url), parts)
    yield accounts
    accounts.close()


@pytest.fixture
def read_model(audit_url: str, audit_keys: KeyService) -> Iterator[ReadModel]:
    """What the pages search in."""
    found = ReadModel(audit_url, audit_keys, timeout_s=60)
    yield found
    found.close()


@pytest.fixture
def evidence(audit_url: str, settings: Settings) -> Iterator[Evidence]:
    """Places, proofs and heads of the log, which has a key to sign with."""
    SigningFile(settings.var_dir / SIGNING_FILE).create()
    found = Evidence(audit_url, settings.var_dir, timeout_s=60)
    yield found
    found.close()


@pytest.fixture
def scorer() -> FakeScorer:
    """The model: what it says, a test may change."""
    return FakeScorer()


@pytest.fixture(scope="session")
def artifact() -> Artifact:
    """The artifact of the bundled model."""
    return load_artifact(bundled_artifact_folder())


@pytest.fixture
def replayer(scorer: FakeScorer, artifact: Artifact) -> Replayer:
    """Scores a prompt again."""
    return Replayer(scorer, artifact)


@pytest.fixture
def exporter(audit_url: str, audit_keys: KeyService, settings: Settings) -> Exporter:
    """Hands out parts of the log."""
    signing = SigningFile(settings.var_dir / SIGNING_FILE)
    return Exporter(
        database_url=audit_url,
        keys=audit_keys,
        base_url=settings.base_url,
        first_key=lambda: signing.read().keys[0].to_text(),
    )


@pytest.fixture
def review_desk(
    audit_log: AuditLog,
    audit_url: str,
    read_model: ReadModel,
    settings: Settings,
    review_accounts: Accounts,
    evidence: Evidence,
    replayer: Replayer,
    exporter: Exporter,
) -> ReviewDesk:
    """What the pages work with, over a real log."""
    return ReviewDesk(
        base_url=settings.base_url,
        log=audit_log,
        find_viewer=viewer_of,
        accounts=review_accounts,
        stops=Stops(audit_log),
        served=service_identity({"name": "lamo-demo", "version": "2"}),
        model_card=demo_card,
        clients=lambda: CLIENTS,
        refused_tokens=lambda: REFUSED,
        read_model=read_model,
        formulary=FORMULARY,
        clock=lambda: TODAY,
        evidence=evidence,
        verification=FullVerification(audit_url, settings.var_dir),
        replayer=replayer,
        exporter=exporter,
    )


@pytest.fixture
def review_app(settings: Settings, review_desk: ReviewDesk) -> Flask:
    """The web part with the pages."""
    doors = Doors(
        settings=settings,
        recorder=FakeRecorder(),
        identify=lambda presented, deadline: Caller(),
        spend=lambda caller, request_id, deadline: None,
        admit=admit_all,
        decide=FakeDecide(),
        is_demonstration=True,
        model_card=demo_card,
        review=review_desk,
    )
    return create_app(doors)


@pytest.fixture
def signed_in(review_app: Flask) -> SignIn:
    """Makes a client that is signed in with the roles that are named."""

    def sign_in(*roles: Role) -> FlaskClient:
        client = review_app.test_client()
        client.set_cookie(cookie_name(is_secure=False), "+".join(roles))
        return client

    return sign_in
