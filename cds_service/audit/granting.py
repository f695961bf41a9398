"""`lamo-cds db`: the roles of a PostgreSQL database."""

from dataclasses import asdict

import click
from sqlalchemy import text

from cds_service.audit.database import open_engine, reporting_failures
from cds_service.audit.place import refusals
from cds_service.audit.rights import Roles, grant_statements
from cds_service.environment import read_settings
from cds_service.manners import Teller, json_option

TIMEOUT_S = 60.0


def grant_roles(database_url: str, roles: Roles) -> None:
    """Make the roles, and give each its rights, all or nothing.

    Raises:
        AuditFailure: the database refuses; mostly because the role of the URL may not make others.
        ValueError: the database is none of PostgreSQL.
    """
    engine = open_engine(database_url, timeout_s=TIMEOUT_S)
    try:
        if engine.dialect.name != "postgresql":
            raise ValueError(
                "found a SQLite file, which has no roles, wanted postgresql+psycopg://...: let the "
                "user of the service alone read and write the file"
            )
        with reporting_failures(), engine.begin() as connection:
            for statement in grant_statements(roles):
                connection.execute(text(statement))
    finally:
        engine.dispose()


@click.group("db")
def db() -> None:
    """The database itself: who may do what in it."""


@db.command("grant")
@click.option("--owner", default="lamo_owner", show_default=True, help="Migrates, erases, purges.")
@click.option("--writer", default="lamo_writer", show_default=True, help="The service.")
@click.option("--reader", default="lamo_reader", show_default=True, help="Lists and verifies.")
@click.option(
    "--sequencer", default="lamo_sequencer", show_default=True, help="Signs the Merkle tree."
)
@click.option("--print", "is_printed", is_flag=True, help="Only print the SQL, for a DBA.")
@json_option
def grant(is_printed: bool, tell: Teller, **names: str) -> None:
    """Make the roles of PostgreSQL where they are missing, and give each exactly its rights.

    Run it after every upgrade, as LAMO_DATABASE_OWNER_URL (else LAMO_DATABASE_URL), whose role must
    own the tables and be allowed to make roles. Then grant the roles to logins of your own.
    """
    with refusals():
        roles = Roles(**names)
        if is_printed:
            for statement in grant_statements(roles):
                tell(f"{statement};", sql=statement)
            return
        grant_roles(read_settings().owner_url, roles)
    told = ", ".join(asdict(roles).values())
    line = f"ok: {told} have their rights; grant each to the login that works as it"
    tell(line, **asdict(roles))
