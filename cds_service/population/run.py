"""Everybody of a FHIR export, in the order of their ids; here, or on a Ray cluster."""

import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from cds_service.population.assess import Line, Resource, assess
from cds_service.population.book import Book
from cds_service.tools import Tools
from lamo.exports.fhir_files import Export, of_patient
from lamo.exports.scratch import open_scratch
from lamo.exports.tally import Tally


@dataclass(frozen=True, slots=True)
class Chart:
    """One patient, with everything that the export has of them."""

    patient: str
    resources: Sequence[Resource]


class Runner(Protocol):
    """Turns charts into lines, in their order."""

    def __call__(self, charts: Iterable[Chart], decided_at: datetime) -> Iterator[Line]:
        """One line for each chart; a chart that failed has an `error`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """Whose patients, and where the lines go."""

    export: Sequence[Path]  # folders, or NDJSON files
    out: Path
    decided_at: datetime | None = None  # None: an earlier run's moment, or now
    retry_failed: bool = False
    progress: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run came to."""

    written: int  # lines, by this run and the earlier ones
    failed: int
    done_before: int
    tally: Tally = field(default_factory=Tally)  # of the export's resources


def score_population(
    population: Population,
    tools: Tools,
    runner: Runner,
    watched: Callable[[Sequence[str]], Iterable[str]] = iter,
) -> Outcome:
    """Write a line for every patient who has none yet.

    Args:
        population: the export and the file.
        tools: model and knowledge, whose hashes the run's file names.
        runner: `here(tools)`, or one on other machines.
        watched: wraps the ids of those still to do, for a progress bar.

    Raises:
        CohortError: there is no file in the export, or one is cut short.
        RunStopped: nobody could be scored any more.
        RunRefused: the file was begun with another model, knowledge or export.
    """
    tally = Tally()
    with _opened(population, tally) as (export, db):
        rests_on = {
            "artifact": tools.artifact.identity(),
            "knowledge": tools.knowledge.version,
            "export": dict(sorted(export.inputs.items())),
        }
        with Book(
            population.out,
            rests_on,
            population.decided_at,
            retry_failed=population.retry_failed,
        ) as book:
            rows = db.execute("SELECT DISTINCT patient FROM resource ORDER BY patient").fetchall()
            left = [patient for (patient,) in rows if patient not in book.done]
            done_before = len(book.done)
            charts = (Chart(patient, of_patient(db, patient)) for patient in watched(left))
            for line in runner(charts, book.decided_at):
                book.write(line)
            written = len(rows) - book.failed
    return Outcome(written=written, failed=book.failed, done_before=done_before, tally=tally)


def here(tools: Tools) -> Runner:
    """In this process: the model takes all cores for each patient in turn."""

    def run(charts: Iterable[Chart], decided_at: datetime) -> Iterator[Line]:
        for chart in charts:
            yield line_of(chart, decided_at, tools)

    return run


def line_of(chart: Chart, decided_at: datetime, tools: Tools) -> Line:
    """The line of one patient; whatever goes wrong with one must not stop the others."""
    try:
        return assess(chart.patient, chart.resources, decided_at, tools)
    except Exception as error:  # noqa: BLE001 - set aside, counted, named in the file of the failed
        return {"patient": chart.patient, "error": f"{type(error).__name__}: {error}"}


@contextmanager
def _opened(population: Population, tally: Tally) -> Iterator[tuple[Export, sqlite3.Connection]]:
    """The export's resources by patient, in a database for the time of the run."""
    export = Export(folders=population.export, tally=tally, progress=population.progress)
    with tempfile.TemporaryDirectory(prefix="population-") as folder:
        db = open_scratch(Path(folder) / "export.sqlite")
        try:
            export.fill(db)
            yield export, db
        finally:
            db.close()
