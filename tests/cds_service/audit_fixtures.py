"""Fixtures for everything that writes to an audit database, of either kind.

A test module that needs them says ``pytest_plugins = ["tests.cds_service.audit_fixtures"]``.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cds_service.audit.log import AuditLog
from cds_service.audit.migrate import upgrade
from cds_service.keys.file_keys import FileKeys
from cds_service.keys.ring import KeyRing, new_ring
from cds_service.keys.service import KeyService
from tests.cds_service.postgres import PostgresServer, new_server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    server = new_server()
    server.start()
    yield server
    server.remove()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without tables, on each of the two kinds."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/audit.db"
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return server.new_database()


@pytest.fixture
def audit_url(empty_url: str) -> str:
    """The URL of an audit database with its tables, on each of the two kinds."""
    upgrade(empty_url)
    return empty_url


@pytest.fixture
def audit_ring() -> KeyRing:
    """The keys of the audit log."""
    return new_ring()


@pytest.fixture
def audit_keys(audit_ring: KeyRing) -> KeyService:
    """A service over them."""
    return FileKeys(audit_ring)


@pytest.fixture
def audit_log(audit_url: str, audit_keys: KeyService) -> Iterator[AuditLog]:
    """An audit log, on each of the two kinds of database."""
    log = AuditLog(audit_url, audit_keys, timeout_s=60)  # the tests may run on a busy machine
    yield log
    log.close()
