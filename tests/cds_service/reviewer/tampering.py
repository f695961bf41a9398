"""Changing a log behind its back, as whoever owns the database can."""

from sqlalchemy import text

from cds_service.audit.database import open_engine


def tamper(database_url: str, statement: str, **values: object) -> None:
    """Run a statement that the triggers of a SQLite database would refuse."""
    engine = open_engine(database_url)
    with engine.begin() as connection:
        named = text("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        for name in connection.scalars(named).all():
            connection.execute(text(f'DROP TRIGGER "{name}"'))
        connection.execute(text(statement), values)
    engine.dispose()
