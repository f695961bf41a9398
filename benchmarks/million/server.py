"""Where the log stands: a folder with a SQLite file or a private PostgreSQL, and the keys."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import click
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from tests.cds_service.postgres import PostgresServer, find_programs
from tests.served import free_port

DATABASE, SERVER, PORT = "audit", "postgresql", "port"
WHILE_FILLING = ("max_wal_size = '8GB'", "checkpoint_timeout = '30min'", "fsync = off")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A database and the folder of its keys."""

    url: str
    var_dir: Path  # keys.json, signing.json, heads.jsonl
    server: PostgresServer | None = None

    def usage(self) -> str:
        """How another program comes to it."""
        lines = [f"export LAMO_DATABASE_URL={self.url}", f"export VAR_DIR={self.var_dir}"]
        lines.append("lamo-cds audit verify")
        return "\n".join(lines + (_control(self.server) if self.server else []))


def new_place(into: Path, database: str) -> Place:
    """Make the folder, and an empty database in it; a server stays after this process.

    Args:
        into: a folder that is not there yet.
        database: "sqlite" or "postgresql".
    """
    into = into.absolute()
    if into.exists() and any(into.iterdir()):
        raise click.ClickException(f"{into} is not empty: name a folder for a new log")
    (into / "var").mkdir(parents=True, exist_ok=True)
    if database == "sqlite":
        return Place(url=f"sqlite:///{into}/var/audit.db", var_dir=into / "var")
    (into / SERVER).mkdir()
    if os.geteuid() == 0:
        shutil.chown(into / SERVER, "postgres")
    (into / PORT).write_text(str(free_port()))
    server = _server(into)
    server.start()
    _run(server.url(), f"CREATE DATABASE {DATABASE}")
    return old_place(into)


def old_place(into: Path) -> Place:
    """A place that was filled before; its server is started where it is not running."""
    into = into.absolute()
    if not (into / PORT).exists():
        return Place(url=f"sqlite:///{into}/var/audit.db", var_dir=into / "var")
    server = _server(into)
    if not _answers(server):
        server.start()
    return Place(url=server.url(DATABASE), var_dir=into / "var", server=server)


def set_for_filling(place: Place) -> None:
    """Wait for no disk: a log that is lost half way is made anew."""
    if place.server is not None:
        _run(place.url, *(f"ALTER SYSTEM SET {one}" for one in WHILE_FILLING), RELOAD)


def set_for_use(place: Place) -> None:
    """Write everything to the disk, count what there is, and go on as a server usually does."""
    if place.server is None:
        _run(place.url, "ANALYZE")
        return
    _run(place.url, "ALTER SYSTEM RESET ALL", RELOAD, "VACUUM ANALYZE", "CHECKPOINT")


RELOAD = "SELECT pg_reload_conf()"


def _server(into: Path) -> PostgresServer:
    programs = find_programs()
    if programs is None:
        raise click.ClickException("PostgreSQL is not installed: on Debian, apt install postgresql")
    return PostgresServer(programs, into / SERVER, int((into / PORT).read_text()))


def _answers(server: PostgresServer) -> bool:
    try:
        _run(server.url(), "SELECT 1")
    except OperationalError:
        return False
    return True


def _run(url: str, *statements: str) -> None:
    """Run statements that stand in no transaction."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def _control(server: PostgresServer) -> list[str]:
    control = f"{server.programs}/pg_ctl -D {server.folder}/data"
    options = f"-p {server.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
    return [
        "",
        "The server goes on. To stop it, and to start it again (as postgres):",
        f"{control} stop",
        f"{control} -l {server.folder}/log -o '{options}' start",
    ]
