"""The database that a command works on: named, and there before anything looks at it.

A mistyped VAR_DIR names a database that is not there. Only what begins a log makes one.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, make_url

from cds_service.audit.database import AuditFailure, is_made, open_engine, reporting_failures
from cds_service.audit.migrate import check_head
from cds_service.settings import Settings


def shown(database_url: str) -> str:
    """The address without its password, to tell people which database it is."""
    return make_url(database_url).render_as_string(hide_password=True)


def refuse_unmade(settings: Settings, database_url: str | None = None) -> None:
    """Return when the database is there.

    Args:
        settings: name the database, and VAR_DIR.
        database_url: of the database, where another is meant than the settings'.

    Raises:
        AuditFailure: it is not; says where it was looked for, and what to do.
    """
    url = database_url or settings.database_url
    if not is_made(url):
        raise AuditFailure(
            f"there is no database at {shown(url)} (VAR_DIR is {settings.var_dir.absolute()}): "
            "name the folder of the service in VAR_DIR, or begin a log there with "
            "`lamo-cds audit upgrade`"
        )


@contextmanager
def opened_to_read(settings: Settings) -> Iterator[Engine]:
    """The database of the settings, with the tables of this release; nothing is made.

    Raises:
        AuditFailure: there is none, or its tables are of another release.
    """
    refuse_unmade(settings)
    engine = open_engine(settings.database_url, read_only=True)
    try:
        with reporting_failures(), engine.begin() as connection:
            check_head(connection)
        yield engine
    finally:
        engine.dispose()
