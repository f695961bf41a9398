"""For tests that do not depend on the kind of database: SQLite alone."""

import pytest


@pytest.fixture
def database_server() -> None:
    """No server; imported, it takes the place of that of both kinds."""
