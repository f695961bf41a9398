"""How fast the audit log is exported, and in how much memory, beside what is wanted.

    python -m benchmarks.audit_exports --events 10000

The events are decisions with 40 scores and a card of two suggestions, of 1,000 patients, each with
its payload.
"""

import os
import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import click
import structlog

from benchmarks.audit_log import entry, open_log
from cds_service.audit.exports.exporter import Exporter, Format, Wanted
from cds_service.audit.exports.rows import ALL_DAYS, read_events
from cds_service.audit.migrate import upgrade
from cds_service.audit.sequencer import sequence_all
from cds_service.audit.snapshot import snapshot
from cds_service.audit.stats import count_all
from cds_service.audit.verify import Asked, verify_log
from cds_service.keys.file_keys import FileKeys
from cds_service.keys.signing import FILE, SigningFile
from tests.cds_service.audit.export_fixtures import CARD, MODEL
from tests.cds_service.postgres import new_server

LIMIT = 5000  # rows a second
EXPORTS: tuple[tuple[Format, bool], ...] = (
    ("csv", False),
    ("csv", True),
    ("auditevent", False),
    ("auditevent", True),
    ("provenance", False),
    ("bundle", False),
)


def fill(url: str, folder: Path, events: int) -> None:
    """Write decisions, one transaction each, and sequence them."""
    upgrade(url)
    SigningFile(folder / FILE).create()
    log = open_log(url, folder)
    for number in range(events):
        card = {**CARD, "uuid": f"{CARD['uuid'][:-8]}{number:08x}"}
        log.append_decision(replace(entry(), cards=[card], model=MODEL))
    log.close()
    sequence_all(url, folder)


def measure(name: str, work: Callable[[], int]) -> None:
    """Print one row: how many rows a second, by the clock and of a processor of our own.

    The second is the first without what other programs took of the machine meanwhile, and without
    the work of PostgreSQL.
    """
    began, used = time.perf_counter(), time.process_time()
    rows = work()
    rate = rows / (time.perf_counter() - began)
    own = rows / (time.process_time() - used)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    told = "ok" if rate >= LIMIT else "below"
    click.echo(
        f"{name:<26}{rate:>9,.0f}/s, own processor {own:>9,.0f}/s; wanted {LIMIT:,}/s: {told:<6} "
        f"peak {memory:,.0f} MiB"
    )


def export(exporter: Exporter, wanted: Wanted) -> int:
    """Write one export, and say how many rows it has."""
    with tempfile.TemporaryFile() as file:
        return exporter.write(wanted, file).rows


def stats(url: str) -> int:
    """Count everything."""
    with snapshot(url) as connection:
        return count_all(read_events(connection, ALL_DAYS, None), ALL_DAYS).events


def measure_all(url: str, folder: Path, events: int) -> None:
    """Measure one database."""
    fill(url, folder, events)
    keys = SigningFile(folder / FILE).read().keys
    exporter = Exporter(
        database_url=url,
        keys=FileKeys.from_file(folder / "keys.json"),
        base_url="https://cds.example.org",
        first_key=keys[0].to_text,
    )
    for form, with_patients in EXPORTS:
        wanted = Wanted(form=form, with_patients=with_patients)
        name = f"{form}{' with patients' if with_patients else ''}"
        measure(name, partial(export, exporter, wanted))
    measure("stats", partial(stats, url))
    measure("verify", lambda: verify_log(url, Asked(first_key=keys[0])).events)


@click.command()
@click.option("--events", default=10_000, show_default=True)
def main(events: int) -> None:
    """Print the rates."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    click.echo(
        f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}; {events} events\nSQLite"
    )
    with tempfile.TemporaryDirectory() as name:
        measure_all(f"sqlite:///{name}/audit.db", Path(name), events)
    server = new_server()
    server.start()
    try:
        with tempfile.TemporaryDirectory() as name:
            click.echo("PostgreSQL")
            measure_all(server.new_database(), Path(name), events)
    finally:
        server.remove()


if __name__ == "__main__":
    main()
