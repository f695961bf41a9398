"""Fixtures for everything that writes to an audit database, of either kind.

A test module that needs them says ``pytest_plugins = ["tests.cds_service.audit_fixtures"]``.
"""

import shutil
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
def database_server(request: pytest.FixtureRequest) -> PostgresServer | None:
    """None for SQLite: a test runs on each of the two kinds of database."""
    if request.param == "sqlite":
        return None
    found: PostgresServer = request.getfixturevalue("postgres_server")
    return found


@pytest.fixture
def empty_url(database_server: PostgresServer | None, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without tables."""
    if database_server is None:
        yield f"sqlite:///{tmp_path}/audit.db"
    else:
        with database_server.database() as url:
            yield url


@pytest.fixture(scope="session")
def sqlite_with_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that is copied: to run the migrations for every test takes longer than most tests."""
    file = tmp_path_factory.mktemp("tables") / "audit.db"
    upgrade(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def postgres_with_tables(postgres_server: PostgresServer) -> str:
    """The name of a database that is copied, as the file is."""
    url = postgres_server.new_database()
    upgrade(url)
    return url.rpartition("/")[2]


@pytest.fixture
def audit_url(
    database_server: PostgresServer | None, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[str]:
    """The URL of an audit database with its tables."""
    if database_server is None:
        shutil.copyfile(request.getfixturevalue("sqlite_with_tables"), tmp_path / "audit.db")
        yield f"sqlite:///{tmp_path}/audit.db"
    else:
        made = request.getfixturevalue("postgres_with_tables")
        with database_server.database(f"TEMPLATE {made}") as url:
            yield url


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
