"""For tests that do not depend on the kind of database: SQLite alone."""

from pathlib import Path

import pytest


@pytest.fixture
def empty_url(tmp_path: Path) -> str:
    """The URL of a database without tables; imported, it takes the place of that of both kinds."""
    return f"sqlite:///{tmp_path}/audit.db"
