"""Stage 1, cohort: the visits of three splits, as JSON lines.

Synthetic patients are drawn here; the visits of a hospital come from files that the cohort readers
wrote, already split. Patients in two splits are counted, and refused unless the recipe allows
them.
"""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lamo.synthetic.generator import synthesize
from lamo.training.stages.job import SPLITS, Job
from lamo.training.stages.manifest import StageRefused, file_hash
from lamo.visits import Visit, read_visits, save_visits


def run(job: Job) -> Mapping[str, Any]:
    """Write one file of visits per split and count them."""
    folder = job.folder("cohort")
    for number, split in enumerate(SPLITS):
        path = folder / f"{split}.jsonl"
        if job.config.cohort.source == "files":
            shutil.copyfile(_source(job, split), path)
        else:
            patients = getattr(job.config.cohort, f"{split}_patients")
            save_visits(path, synthesize(patients, job.config.seed + number))
    return _counts(job)


def inputs(job: Job) -> Mapping[str, str]:
    """Hashes of the files that are read; synthetic patients need none."""
    if job.config.cohort.source == "synthetic":
        return {}
    return {split: file_hash(_source(job, split)) for split in SPLITS}


def visits_of(job: Job, split: str) -> Iterator[Visit]:
    """The visits of a split, in the order of every later table."""
    return read_visits(job.folder("cohort") / f"{split}.jsonl")


def patient_of(job: Job, split: str, visit: Visit) -> str:
    """The patient's name in tables: numbers of synthetic patients start anew in every split."""
    is_synthetic = job.config.cohort.source == "synthetic"
    return f"{split}/{visit.patient}" if is_synthetic else str(visit.patient)


def _source(job: Job, split: str) -> Path:
    path: Path = getattr(job.config.cohort, split)
    if not path.is_file():
        raise StageRefused(
            f"cohort.{split} = {str(path)!r} is not a file: give the file of visits that the "
            "cohort readers wrote"
        )
    return path


def _counts(job: Job) -> Mapping[str, Any]:
    patients = {
        split: [patient_of(job, split, visit) for visit in visits_of(job, split)]
        for split in SPLITS
    }
    distinct = {split: set(names) for split, names in patients.items()}
    if empty := [split for split, names in distinct.items() if not names]:
        raise StageRefused(f"no visits in {empty}: give each split at least one patient")
    shared = sum(map(len, distinct.values())) - len(set().union(*distinct.values()))
    if shared > job.config.cohort.most_shared_patients:
        raise StageRefused(
            f"{shared} patients are in more than one split, cohort.most_shared_patients allows "
            f"{job.config.cohort.most_shared_patients}: split by patient, so that nothing of a "
            "test patient is trained on"
        )
    return {
        "visits": {split: len(names) for split, names in patients.items()},
        "patients": {split: len(names) for split, names in distinct.items()},
        "shared_patients": shared,
    }
