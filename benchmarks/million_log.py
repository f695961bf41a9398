"""A log of a million decisions, as two years of a hospital write it: for whatever reads logs.

    python -m benchmarks.million_log --into FOLDER

What is drawn - who, when, which cards, what became of them - comes from the seed. Event ids, keys
and nonces are random, as they must be. Entries are sealed by the functions that the service seals
with, and inserted in bulk: no event is a transaction of its own. Between two runs the folder keeps
the database (of PostgreSQL the whole server), the keys and the signed heads.
"""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

import click
import structlog
from sqlalchemy import insert

from benchmarks.million.bulk import Bulk, nothing_known
from benchmarks.million.filling import Month, Span
from benchmarks.million.people import all_patients, calls_by_month, month_starts
from benchmarks.million.server import Place, new_place, set_for_filling, set_for_use
from benchmarks.million.templates import Templates, load_templates
from benchmarks.million.tree import TIMEOUT_S, grow
from cds_service.audit.database import open_engine
from cds_service.audit.migrate import upgrade
from cds_service.audit.models import PatientRow
from cds_service.audit.vault import DataKey, Vault, Whom
from cds_service.keys.file_keys import FileKeys
from cds_service.keys.files import create_key_file
from cds_service.keys.signing import FILE, SigningFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What every process needs; forked with it, so that no key is handed around."""

    url: str
    templates: Templates
    keys: Mapping[Whom, DataKey]
    vault: Vault

    def write(self, span: Span) -> int:
        """Write one month; how many events that were."""
        engine = open_engine(self.url, timeout_s=TIMEOUT_S, durable=False)
        month = Month(span, self.templates, self.keys, self.vault)
        try:
            return month.write(Bulk(engine))
        finally:
            engine.dispose()


_shared: list[Material] = []  # of the forked processes: keys are not sent through a pipe


def write_month(span: Span) -> int:
    """Write one month in a process of the pool."""
    return _shared[0].write(span)


def spans_of(decisions: int, seed: int, until: datetime) -> Sequence[Span]:
    """The months, the last one up to `until`."""
    starts = month_starts(until)
    counts = calls_by_month(starts, decisions)
    return [
        Span(seed=seed, month=at, since=since, until=end, decisions=count)
        for at, (since, end, count) in enumerate(zip(starts, starts[1:], counts, strict=False))
    ]


def material_of(place: Place, since: datetime) -> Material:
    """Make the keys of all patients, and take up the templates."""
    create_key_file(place.var_dir / "keys.json")
    vault = Vault(FileKeys.from_file(place.var_dir / "keys.json"))
    made = {one: vault.patient_key(nothing_known(), one, since) for one in all_patients()}
    engine = open_engine(place.url, timeout_s=TIMEOUT_S)
    bulk = Bulk(engine)
    bulk.execute(insert(PatientRow), [dict(key.row or {}) for key in made.values()])
    bulk.flush()
    engine.dispose()
    keys = {whom: replace(key, row=None) for whom, key in made.items()}
    return Material(url=place.url, templates=load_templates(), keys=keys, vault=vault)


def fill(place: Place, spans: Sequence[Span], processes: int) -> int:
    """Write every month, the largest first; how many events."""
    upgrade(place.url)
    SigningFile(place.var_dir / FILE).create()
    _shared[:] = [material_of(place, spans[0].since)]
    largest_first = sorted(spans, key=lambda span: -span.decisions)
    with get_context("fork").Pool(processes) as pool:
        return sum(pool.imap_unordered(write_month, largest_first, chunksize=1))


@click.command()
@click.option("--into", required=True, type=click.Path(file_okay=False, path_type=Path))
@click.option("--decisions", default=1_000_000, show_default=True)
@click.option("--database", type=click.Choice(["postgresql", "sqlite"]), default="postgresql")
@click.option("--seed", default=1, show_default=True)
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="Default: today.")
@click.option("--processes", default=os.cpu_count() or 1, show_default=True)
@click.option("--head-minutes", default=60, show_default=True, help="Between two signed heads.")
def main(
    into: Path,
    decisions: int,
    database: str,
    seed: int,
    until: datetime | None,
    processes: int,
    head_minutes: int,
) -> None:
    """Fill an empty audit database, and say how to use it."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    ends = until.replace(tzinfo=UTC) if until else midnight
    place, began = new_place(into, database), time.monotonic()
    set_for_filling(place)
    events = fill(place, spans_of(decisions, seed, ends), processes)
    tell(f"{events:,} events are written", began)
    grow(place.url, place.var_dir, timedelta(minutes=head_minutes))
    tell("every event has its place", began)
    set_for_use(place)
    tell("the database has counted what it holds", began)
    click.echo(f"\n{place.usage()}")


def tell(what: str, began: float) -> None:
    """Print how far it is."""
    click.echo(f"{time.monotonic() - began:7.0f} s  {what}")


if __name__ == "__main__":
    main()
