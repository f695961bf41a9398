"""A private PostgreSQL for tests: its own folder, its own port on loopback, gone afterwards.

The fixtures around it stand in audit_fixtures.py.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from tests.processes import children, runs
from tests.waiting import wait_until

_database_numbers = count(1)


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A server that listens on 127.0.0.1 only and trusts everyone there."""

    programs: Path  # the folder with initdb and pg_ctl
    folder: Path
    port: int

    def start(self) -> None:
        """Start the server and wait until it answers; makes its files the first time."""
        data = self.folder / "data"
        if not data.exists():
            self._run("initdb", "-D", data, "-U", "tests", "-A", "trust", "-E", "UTF8", "-N")
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
        options += " -c fsync=off"  # its processes may be killed and lose nothing; the machine not
        log = self.folder / "log"
        self._run("pg_ctl", "start", "-w", "-D", data, "-l", log, "-o", options)

    def stop(self) -> None:
        """Stop the server at once, as a crash would."""
        self._run("pg_ctl", "stop", "-w", "-m", "immediate", "-D", self.folder / "data")

    def kill(self) -> None:
        """Kill every process of the server, as a lack of memory would."""
        lock = self.folder / "data" / "postmaster.pid"
        first = int(lock.read_text().split()[0])
        killed = (first, *children(first))
        for process in killed:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        lock.unlink()  # one that is not reaped yet would count as running
        wait_until(lambda: not any(map(runs, killed)))  # then all have let go of shared memory

    def remove(self) -> None:
        """Stop the server and remove its files."""
        self.stop()
        shutil.rmtree(self.folder)

    def url(self, database: str = "postgres") -> str:
        """The SQLAlchemy URL of one of its databases."""
        return f"postgresql+psycopg://tests@127.0.0.1:{self.port}/{database}"

    def new_database(self, options: str = "") -> str:
        """Create an empty database, with these options of CREATE DATABASE, and return its URL."""
        name = f"test_{next(_database_numbers)}"
        self._execute(f"CREATE DATABASE {name} {options}")
        return self.url(name)

    @contextmanager
    def database(self, options: str = "") -> Iterator[str]:
        """A database for one test, gone before its 600 files are written to a disk."""
        url = self.new_database(options)
        yield url
        self._execute(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)")

    def _execute(self, statement: str) -> None:
        engine = create_engine(self.url(), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(statement))
        engine.dispose()

    def _run(self, program: str, *arguments: object) -> None:
        command = [str(self.programs / program), *map(str, arguments)]
        # its own log goes to a file; a pipe would stay open in the server and never end
        with (self.folder / "commands.log").open("ab") as output:
            subprocess.run(
                command,
                check=True,
                user="postgres" if os.geteuid() == 0 else None,  # it refuses to run as root
                cwd=self.folder,
                stdout=output,
                stderr=output,
            )


def find_programs() -> Path | None:
    """The folder of PostgreSQL's server programs, or None when it is not installed."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    found = shutil.which("initdb")
    if debian:
        return debian[-1].parent
    return Path(found).resolve().parent if found else None


def new_server() -> PostgresServer:
    """A server that is not started yet; the test is skipped where PostgreSQL is not installed."""
    programs = find_programs()
    if programs is None:
        pytest.skip("PostgreSQL's initdb is not installed: on Debian, apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="lamo-postgres-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    return PostgresServer(programs, folder, port)
