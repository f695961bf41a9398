"""The table of contents of training: which stages there are, what each reads, and how they run.

A stage whose manifest names the same configuration and inputs, and whose files are untouched, is
skipped. Training is shared by all processes; everything else is done by the first one.
"""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from accelerate.utils import broadcast_object_list

from lamo.training.fit import open_accelerator
from lamo.training.stages import (
    adapters,
    artifact,
    base,
    calibrate,
    cohort,
    evaluate,
    examples,
    groups,
    notes,
)
from lamo.training.stages.config import TrainConfig, plain
from lamo.training.stages.job import Job
from lamo.training.stages.manifest import (
    STAGE_MANIFEST,
    Manifest,
    StageRefused,
    is_current,
    read_manifest,
    write_manifest,
)

log = structlog.get_logger()


def _nothing(_job: Job) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage: what it reads, which parts of the recipe it depends on, what it does."""

    name: str
    run: Callable[[Job], Mapping[str, Any]]  # returns counts
    reads: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()  # sections of the recipe
    inputs: Callable[[Job], Mapping[str, str]] = _nothing  # hashes of files from outside
    is_shared: bool = False  # every process takes part
    keeps: bool = False  # the folder is not emptied first: it resumes by itself


STAGES: Mapping[str, Stage] = {
    stage.name: stage
    for stage in (
        Stage(name="cohort", run=cohort.run, depends_on=("cohort",), inputs=cohort.inputs),
        Stage(name="notes", run=notes.run, reads=("cohort",), depends_on=("notes",)),
        Stage(
            name="examples",
            run=examples.run,
            reads=("notes",),
            depends_on=("examples",),
            inputs=examples.inputs,
        ),
        Stage(name="groups", run=groups.run, reads=("examples",), depends_on=("groups",)),
        Stage(
            name="base",
            run=base.run,
            reads=("examples", "groups"),
            depends_on=("base",),
            inputs=examples.inputs,
            is_shared=True,
        ),
        Stage(
            name="adapters",
            run=adapters.run,
            reads=("examples", "groups", "base"),
            depends_on=("adapters",),
            is_shared=True,
            keeps=True,
        ),
        Stage(name="calibrate", run=calibrate.run, reads=("adapters",), depends_on=("calibrate",)),
        Stage(
            name="evaluate",
            run=evaluate.run,
            reads=("cohort", "groups", "adapters", "calibrate"),
            depends_on=("evaluate",),
        ),
        Stage(
            name="artifact",
            run=artifact.run,
            reads=("examples", "groups", "base", "adapters", "calibrate", "evaluate"),
            depends_on=("artifact",),
        ),
    )
}


def open_job(config: TrainConfig, work: Path, command: str, group: str | None = None) -> Job:
    """A run in this process, or in this one of several that a launcher has started."""
    return Job(
        config=config, work=work, accelerator=open_accelerator(), command=command, group=group
    )


def run_all(job: Job) -> Path:
    """Every stage in its order; returns the folder of the packed artifact."""
    for name in STAGES:
        run_stage(job, name)
    return artifact.packed_folder(job)


def run_stage(job: Job, name: str, *, again: bool = False) -> bool:
    """Run one stage unless it is done already; returns whether it ran.

    Raises:
        StageRefused: a stage that it reads has not run or was changed, or its own input is bad.
    """
    stage = STAGES[name]
    wanted = _wanted(job, stage)
    if not again and _is_done(job, name, wanted):
        return False
    started = time.monotonic()
    if job.accelerator.is_main_process:
        log.info("started", stage=name)
        _clear(job.folder(name), keep=stage.keeps and not again)
    job.accelerator.wait_for_everyone()
    counts = stage.run(job) if stage.is_shared or job.accelerator.is_main_process else {}
    if job.accelerator.is_main_process and _is_whole(job, stage):
        done = _with(wanted, counts, time.monotonic() - started, str(job.accelerator.device))
        write_manifest(job.folder(name), done)
        log.info("done", stage=name, seconds=done.seconds)
    job.accelerator.wait_for_everyone()
    return True


def manifests(job: Job) -> Iterator[Manifest]:
    """The manifests of the stages that have run."""
    for name in STAGES:
        if (job.folder(name) / STAGE_MANIFEST).is_file():
            yield read_manifest(job.folder(name))


def _wanted(job: Job, stage: Stage) -> Manifest:
    config = {section: plain(getattr(job.config, section)) for section in stage.depends_on}
    inputs = {name: read_manifest(job.folder(name)).digest for name in stage.reads}
    return Manifest(
        stage=stage.name,
        seed=job.config.seed,
        config=config | {"prompt_version": job.config.layout.version},
        inputs=inputs | dict(stage.inputs(job)),
    )


def _with(wanted: Manifest, counts: Mapping[str, Any], seconds: float, device: str) -> Manifest:
    return Manifest(
        stage=wanted.stage,
        seed=wanted.seed,
        config=wanted.config,
        inputs=wanted.inputs,
        counts=counts,
        seconds=round(seconds, 1),
        device=device,
    )


def _is_whole(job: Job, stage: Stage) -> bool:
    """A stage of several jobs is done with the last of them."""
    return stage.name != "adapters" or adapters.is_complete(job)


def _clear(folder: Path, *, keep: bool) -> None:
    (folder / STAGE_MANIFEST).unlink(missing_ok=True)
    if not keep:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)


def _is_done(job: Job, name: str, wanted: Manifest) -> bool:
    """The first process decides for all, so that none sees a folder that is being written."""
    is_first = job.accelerator.is_main_process
    said: Sequence[Any] = [is_current(job.folder(name), wanted) if is_first else None]
    broadcast_object_list(said)
    if said[0] and job.accelerator.is_main_process:
        log.info("skipped, nothing has changed", stage=name)
    return bool(said[0])


__all__ = ["STAGES", "Stage", "StageRefused", "manifests", "open_job", "run_all", "run_stage"]
