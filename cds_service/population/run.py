"""Everybody of a FHIR export, in the order of their ids; here, or on a Ray cluster."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from cds_service.population.assess import Line, assess
from cds_service.population.book import Book, RunRefused
from cds_service.tools import Tools
from lamo.exports.errors import ExportIncomplete
from lamo.exports.fhir_files import NOT_WANTED, Export, Resource, of_patient, patients_in
from lamo.exports.tally import Tally

NEEDED = ("Patient", "Condition")


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

    @property
    def is_whole(self) -> bool:
        """Whether everybody has a line, and every line of the export could be read."""
        lost = [reason for reason in self.tally.dropped if not reason.endswith(NOT_WANTED)]
        return not self.failed and not lost


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
        CohortError: there is no file in the export, one is cut short, or it has no conditions.
        RunStopped: nobody could be scored any more.
        RunRefused: the file was begun with another model, knowledge or export.
    """
    if _is_inside(population.out, population.export):
        raise RunRefused(f"{population.out} lies in the export: name a file in another folder")
    tally = Tally()
    export = Export(folders=population.export, tally=tally, progress=population.progress)
    with export.opened() as db:
        _refuse_without_conditions(db)
        rests_on = _rests_on(export, tools)
        with Book(
            population.out,
            rests_on,
            population.decided_at,
            retry_failed=population.retry_failed,
        ) as book:
            everybody = patients_in(db)
            left = [patient for patient in everybody if patient not in book.done]
            done_before = len(book.done)
            charts = (Chart(patient, of_patient(db, patient)) for patient in watched(left))
            for line in runner(charts, book.decided_at):
                book.write(line)
            outcome = Outcome(
                written=len(everybody) - book.failed,
                failed=book.failed,
                done_before=done_before,
                tally=tally,
            )
            book.finish({"read": dict(tally.counted), "not_read": dict(tally.dropped)})
    return outcome


def _is_inside(out: Path, export: Sequence[Path]) -> bool:
    """Whether what is written would be read as a part of the export the next time."""
    places = {place.resolve() for place in export}
    return out.resolve() in places or out.resolve().parent in places


def _rests_on(export: Export, tools: Tools) -> dict[str, Any]:
    """Everything that another value of would make other lines."""
    artifact, settings = tools.artifact, tools.settings
    names = ("prompt_tokens", "model_dtype", "model_device")
    chosen = {name: getattr(settings, name) for name in names}
    return {
        "artifact": f"{artifact.name} {artifact.version} {artifact.sha256}",
        "knowledge": tools.rulebook.version,
        "settings": chosen | {"scored_by": "a server" if settings.scorer_url else "this process"},
        "export": dict(sorted(export.inputs.items())),
    }


def _refuse_without_conditions(db: sqlite3.Connection) -> None:
    """Without diagnoses every order would look unsupported, as at a hook."""
    kinds = {kind for (kind,) in db.execute("SELECT DISTINCT type FROM resource")}
    if missing := [kind for kind in NEEDED if kind not in kinds]:
        raise ExportIncomplete(
            " and ".join(missing), f"there is {', '.join(sorted(kinds)) or 'nothing'}"
        )


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
