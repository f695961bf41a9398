"""How many events a second the audit log takes, how soon they have their place, and how fast
they verify; beside it the plain hash chain, whose writers wait for each other.

    python -m benchmarks.audit_log --seconds 60

Every event is a transaction of its own, durable when it returns. PostgreSQL is a private server.
"""

import multiprocessing
import os
import tempfile
import time
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from random import randrange
from threading import Event
from typing import Any

import click
import structlog
from sqlalchemy import Connection, func, insert, select, text

from benchmarks.calls import quantile
from cds_service.audit.bodies import SealedEvent, build_event, event_columns, seal_event
from cds_service.audit.database import open_engine
from cds_service.audit.entries import DecisionEntry, Table
from cds_service.audit.ids import new_event_id
from cds_service.audit.log import AuditLog
from cds_service.audit.merkle import leaf_hash
from cds_service.audit.migrate import upgrade
from cds_service.audit.models import EventRow, LeafRow
from cds_service.audit.receipts import receipt_for
from cds_service.audit.sequencer import run_sequencer, sequence_all
from cds_service.audit.verify import Asked, verify_log
from cds_service.keys.file_keys import FileKeys
from cds_service.keys.files import create_key_file
from cds_service.keys.signing import FILE, SigningFile
from tests.cds_service.audit.test_entries import decision
from tests.cds_service.postgres import new_server

WAIT_S = 30.0
POLL_S = 0.05  # how exactly it is known when an event had its place
PATIENTS = 1000
ALONE = 300  # events that are written one by one
LOADS = ("sqlite", "tree", "alike", "chain")
CHAIN = (
    "CREATE TABLE chain (number BIGINT PRIMARY KEY, event_id TEXT NOT NULL, hash BYTEA NOT NULL)"
)
LOCK = "SELECT pg_advisory_xact_lock(7)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Who writes, and for how long."""

    url: str
    folder: Path
    processes: int
    threads: int  # of each
    seconds: float
    patients: int = PATIENTS
    is_chain: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What was written under a load."""

    rate: float  # events a second
    took_ms: list[float]
    lag_s: list[float]  # from the commit to the place in the tree


def entry(patients: int = PATIENTS) -> DecisionEntry:
    """A decision of the usual size, some 4 kB, of one of so many patients."""
    scores = [
        {"label": f"Medication {number}", "log_odds": -number / 7, "threshold": 0.5}
        for number in range(40)
    ]
    patient = f"patient-{randrange(patients)}"
    return replace(decision(scores=Table.of(scores)), event_id=new_event_id(), patient_id=patient)


def sealed(made: DecisionEntry) -> SealedEvent:
    """A decision without its protected part."""
    event = build_event(made, made.decided_at) | {"worker": {"id": "alone", "counter": 1}}
    return seal_event(event, None, None)


def open_log(url: str, folder: Path) -> AuditLog:
    """The log, with the keys of the folder, which are made when there are none yet."""
    create_key_file(folder / "keys.json")
    return AuditLog(url, FileKeys.from_file(folder / "keys.json"), timeout_s=WAIT_S)


def write(load: Load, results: Any, begin: Any) -> None:
    """A process that writes until the time is over, from when all are there."""
    chained, log = Chain(load.url) if load.is_chain else None, open_log(load.url, load.folder)
    append = chained.append if chained else log.append_decision
    begin.wait()
    ends_at = time.monotonic() + load.seconds

    def one(_: int) -> list[tuple[str, float, float]]:
        done = []
        while time.monotonic() < ends_at:
            made, began = entry(load.patients), time.perf_counter()
            append(made)
            done.append((made.event_id, time.time(), (time.perf_counter() - began) * 1000))
        return done

    with ThreadPoolExecutor(load.threads) as threads:
        results.put([row for rows in threads.map(one, range(load.threads)) for row in rows])


class Chain:
    """The plain alternative: each row holds the hash of the one before, so writers take turns."""

    def __init__(self, url: str) -> None:
        self._engine = open_engine(url, timeout_s=WAIT_S)

    def append(self, made: DecisionEntry) -> None:
        """Write one event with its link, the lock taken after the work."""
        event = sealed(made)
        columns = event_columns(event.body, event.written)
        with self._engine.begin() as connection:
            connection.execute(insert(EventRow), columns)
            connection.execute(text(LOCK))
            newest = text("SELECT number, hash FROM chain ORDER BY number DESC LIMIT 1")
            number, before = connection.execute(newest).one_or_none() or (0, b"")
            link = {
                "number": number + 1,
                "event_id": made.event_id,
                "hash": sha256(before + columns["body"]).digest(),
            }
            connection.execute(text("INSERT INTO chain VALUES (:number, :event_id, :hash)"), link)


def sequence(url: str, folder: Path, begin: Any) -> None:
    """A process that sequences until it is ended."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    begin.wait()
    run_sequencer(url, folder, Event())


@contextmanager
def ended(process: Any) -> Iterator[None]:
    """Start a process, and end it behind the block."""
    process.start()
    try:
        yield
    finally:
        process.terminate()
        process.join()


def under_load(load: Load) -> Written:
    """Write, sequence beside it, and look on."""
    spawn = multiprocessing.get_context("spawn")
    results, begin = spawn.Queue(), spawn.Barrier(load.processes + 1)
    writers = [
        spawn.Process(target=write, args=(load, results, begin)) for _ in range(load.processes)
    ]
    sequencer = spawn.Process(target=sequence, args=(load.url, load.folder, begin))
    with ended(sequencer):
        for writer in writers:
            writer.start()
        sizes, rows = watch(load.url, lambda: any(writer.is_alive() for writer in writers), results)
    committed = {event_id: moment for event_id, moment, _ in rows}
    moments = sorted(committed.values())
    return Written(
        rate=len(rows) / (moments[-1] - moments[0]),
        took_ms=[took for _, _, took in rows],
        lag_s=[] if load.is_chain else lags(load.url, committed, sizes),
    )


def watch(
    url: str, is_going_on: Callable[[], bool], results: Any
) -> tuple[list[tuple[int, float]], list[tuple[str, float, float]]]:
    """Sizes of the tree and when each was seen, and what the writers tell at their end."""
    engine = open_engine(url, timeout_s=WAIT_S, read_only=True)
    sizes: list[tuple[int, float]] = []
    rows: list[tuple[str, float, float]] = []
    ends_at = None
    while ends_at is None or time.monotonic() < ends_at:
        with engine.begin() as connection:
            sizes.append((tree_size(connection), time.time()))
        while not results.empty():
            rows += results.get()
        if ends_at is None and not is_going_on():
            ends_at = time.monotonic() + 3  # for the last events to get their place
        time.sleep(POLL_S)
    engine.dispose()
    return sizes, rows


def tree_size(connection: Connection) -> int:
    """How many leaves there are."""
    return (connection.scalar(select(func.max(LeafRow.leaf_index))) or 0) + 1


def lags(url: str, committed: dict[str, float], sizes: list[tuple[int, float]]) -> list[float]:
    """How long each event waited for its place, in seconds; up to POLL_S too many."""
    engine = open_engine(url, timeout_s=WAIT_S, read_only=True)
    with engine.begin() as connection:
        leaves = connection.execute(select(LeafRow.leaf_index, LeafRow.event_id)).all()
    engine.dispose()
    missed = len(committed) - sum(row.event_id in committed for row in leaves)
    assert missed == 0, f"{missed} events got no place"
    seen = [size for size, _ in sizes]
    return [
        max(0.0, sizes[bisect_right(seen, row.leaf_index)][1] - committed[row.event_id])
        for row in leaves
        if row.event_id in committed and bisect_right(seen, row.leaf_index) < len(sizes)
    ]


def alone(url: str, folder: Path) -> tuple[list[float], list[float]]:
    """Milliseconds of single events, and of their receipts."""
    log, signing = open_log(url, folder), SigningFile(folder / FILE)
    took: list[float] = []
    receipts: list[float] = []
    for _ in range(ALONE):
        made, began = entry(), time.perf_counter()
        leaf = log.append_decision(made)
        written = time.perf_counter()
        receipt_for(made.event_id, leaf, signing)
        receipts.append((time.perf_counter() - written) * 1000)
        took.append((time.perf_counter() - began) * 1000)
    log.close()
    return took, receipts


def verified(url: str, folder: Path, *, is_quick: bool) -> str:
    """How fast the whole log verifies."""
    sequence_all(url, folder)
    key = SigningFile(folder / FILE).read().keys[0]
    began = time.perf_counter()
    found = verify_log(url, Asked(first_key=key, is_quick=is_quick))
    took = time.perf_counter() - began
    assert found.is_ok, found.failed
    return f"{found.events / took:,.0f} events/s ({found.events} events)"


def hashed() -> str:
    """How fast leaves and root are made of bytes that are in memory."""
    from cds_service.audit.merkle import root_of

    bodies = [sealed(entry()).written] * 200_000
    began = time.perf_counter()
    root_of(map(leaf_hash, bodies))
    return f"{len(bodies) / (time.perf_counter() - began):,.0f} events/s"


def tell(name: str, written: Written) -> None:
    """Print one row."""
    lag = (
        f"lag p50 {quantile(written.lag_s, 0.5):.2f} s, p95 {quantile(written.lag_s, 0.95):.2f} s"
        if written.lag_s
        else ""
    )
    p50, p95 = (quantile(written.took_ms, share) for share in (0.5, 0.95))
    click.echo(f"{name:<40}{written.rate:>8.0f}/s  p50 {p50:.1f} ms  p95 {p95:.1f} ms  {lag}")


def measure(url: str, folder: Path, loads: dict[str, Load]) -> None:
    """Measure one database."""
    upgrade(url)
    SigningFile(folder / FILE).create()
    took, receipts = alone(url, folder)
    click.echo(
        f"one by one: p50 {quantile(took, 0.5):.2f} ms, p95 {quantile(took, 0.95):.2f} ms; "
        f"of that the receipt p50 {quantile(receipts, 0.5):.3f} ms"
    )
    for name, load in loads.items():
        tell(name, under_load(load))
    click.echo(f"verify --quick: {verified(url, folder, is_quick=True)}")
    click.echo(f"verify:         {verified(url, folder, is_quick=False)}")


@click.command()
@click.option("--seconds", default=60.0, show_default=True)
@click.option("--writers", default=16, show_default=True, help="On PostgreSQL, of 4 processes.")
@click.option("--only", multiple=True, type=click.Choice(LOADS), help="Default: all of them.")
def main(seconds: float, writers: int, only: tuple[str, ...]) -> None:
    """Print the rates."""
    wanted = only or LOADS
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    click.echo(f"{os.cpu_count()} processors; leaves and root from memory: {hashed()}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if "sqlite" in wanted:
            _measure_sqlite(folder / "sqlite", seconds)
        server = new_server()
        server.start()
        try:
            tree = Load(
                url=server.new_database(),
                folder=folder,
                processes=4,
                threads=writers // 4,
                seconds=seconds,
            )
            _measure_postgresql(tree, wanted)
        finally:
            server.remove()


def _measure_sqlite(folder: Path, seconds: float) -> None:
    click.echo("\nSQLite")
    folder.mkdir()
    url = f"sqlite:///{folder}/audit.db"
    load = Load(url=url, folder=folder, processes=4, threads=1, seconds=seconds)
    measure(url, folder, {"4 processes": load})


def _measure_postgresql(tree: Load, wanted: Collection[str]) -> None:
    click.echo("\nPostgreSQL")
    url, writers = tree.url, tree.processes * tree.threads
    upgrade(url)
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.execute(text(CHAIN))
    engine.dispose()
    alike = replace(tree, patients=1)
    loads = {"tree": (f"{writers} writers, tree", tree)}
    loads |= {"alike": ("the same, of one patient", alike)}
    measure(url, tree.folder, dict(loads[name] for name in loads if name in wanted))
    if "chain" in wanted:
        tell(f"{writers} writers, hash chain", under_load(replace(tree, is_chain=True)))


if __name__ == "__main__":
    main()
