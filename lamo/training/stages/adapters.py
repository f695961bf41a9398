"""Stage 6, adapters: one LoRA adapter per group, and what each makes of the validation and test.

Every group has a folder with a manifest of its own, so that a scheduler can train groups as
separate jobs (`--group`); the stage is done when all groups are. Activated adapters that are
trained by one job are trained together, because they share the base model's prefix.
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from lamo.training.scored import Scored
from lamo.training.scoring import score_examples
from lamo.training.stages.base import load_base, summary, write_report
from lamo.training.stages.examples import table_of, wording_of
from lamo.training.stages.job import Job
from lamo.training.stages.lora import add_adapter, save_adapter, train_adapters
from lamo.training.stages.manifest import (
    Manifest,
    StageRefused,
    is_current,
    read_manifest,
    write_manifest,
)
from lamo.training.stages.notes import split_names
from lamo.training.stages.parts import OWN, UNTUNED, Part, parts_of

SCORES = "scores.safetensors"


def run(job: Job) -> Mapping[str, Any]:
    """Train what is not done yet, of one group or of all; then put all scores together."""
    inputs = {name: read_manifest(job.folder(name)).digest for name in ("examples", "base")}
    parts = parts_of(job)
    wanted = [part for part in parts if job.group in (None, part.name)]
    if not wanted:
        raise StageRefused(
            f"there is no group {job.group!r}: give one of {[part.name for part in parts]}"
        )
    missing = [part for part in wanted if not _is_done(job, part, inputs)]
    for together in _runs(missing):
        _train(job, together, inputs)
    done = [part for part in parts if _is_done(job, part, inputs)]
    if len(done) == len(parts):
        _finish(job, parts)
    return {
        "trained": [part.name for part in missing],
        "groups": {part.name: _counts(job, part) for part in done},
    }


def is_complete(job: Job) -> bool:
    """Whether every group has been trained."""
    inputs = {name: read_manifest(job.folder(name)).digest for name in ("examples", "base")}
    return all(_is_done(job, part, inputs) for part in parts_of(job))


def scored_of(job: Job, split: str, system: str = OWN) -> Scored:
    """The scores of a split by the groups' adapters, or by one of the comparisons."""
    table = table_of(job, split)
    if system == UNTUNED:
        return table.scored(load_file(job.folder("adapters") / UNTUNED / SCORES)[split])
    place = {label: index for index, label in enumerate(table.labels)}
    log_odds = torch.empty(table.prescribed.shape)
    for part in parts_of(job):
        if part.system == system:
            scores = load_file(job.folder("adapters") / part.name / SCORES)
            log_odds[:, [place[label] for label in part.labels]] = scores[split]
    return table.scored(log_odds)


def _runs(parts: Sequence[Part]) -> Iterator[list[Part]]:
    """Which adapters are trained in one run: activated ones of a system, as they share a prefix."""
    for system in dict.fromkeys(part.system for part in parts):
        some = [part for part in parts if part.system == system]
        if some[0].kind == "alora":
            yield some
        else:
            yield from ([part] for part in some)


def _train(job: Job, parts: Sequence[Part], inputs: Mapping[str, str]) -> None:
    """Train some adapters in one run of the loop; the first process writes."""
    model: Any = load_base(job)
    for part in parts:
        torch.manual_seed(job.config.seed + part.index)
        model = add_adapter(job, model, part)
    report = train_adapters(job, model, parts)
    for part in parts:
        question = wording_of(job).question(part.labels, part.name)
        splits = [name for name in split_names(job) if name != "train"]
        scores = {split: _score(job, model, question, split) for split in splits}
        if job.accelerator.is_main_process:
            folder = job.folder("adapters") / part.name
            shutil.rmtree(folder, ignore_errors=True)
            save_adapter(model, part.name, folder)
            _save_scores(job, part.name, scores)
            if report:
                write_report(folder / "fit.json", report)
            wanted = part.manifest(job, inputs)
            counts = {"candidates": len(part.labels)} | (summary(report) if report else {})
            fields = {name: getattr(wanted, name) for name in ("stage", "seed", "config", "inputs")}
            device = str(job.accelerator.device)
            write_manifest(folder, Manifest(**fields, counts=counts, device=device))
    job.accelerator.wait_for_everyone()


def _score(job: Job, model: Any, question: Any, split: str) -> Tensor:
    """(visits, candidates) log-odds; every process scores its share of the visits."""
    world, rank = job.accelerator.num_processes, job.accelerator.process_index
    examples = table_of(job, split).examples
    model.to(job.accelerator.device)
    scores = torch.zeros(len(examples), len(question.chosen))
    scores[rank::world] = score_examples(model, examples[rank::world], question)
    total: Tensor = job.accelerator.reduce(scores.to(job.accelerator.device), "sum")
    return total.cpu()


def _finish(job: Job, parts: Sequence[Part]) -> None:
    """Remove what belongs to no group and score the untuned base model."""
    question = wording_of(job).question(list(wording_of(job).suffixes))
    model = load_base(job)
    scores = {split: _score(job, model, question, split) for split in ("validation", "test")}
    if job.accelerator.is_main_process:
        names = {part.name for part in parts}
        for folder in job.folder("adapters").iterdir():
            if folder.name not in names:
                shutil.rmtree(folder)
        _save_scores(job, UNTUNED, scores)


def _save_scores(job: Job, name: str, scores: Mapping[str, Tensor]) -> None:
    folder = job.folder("adapters") / name
    folder.mkdir(parents=True, exist_ok=True)
    save_file({split: values.contiguous() for split, values in scores.items()}, folder / SCORES)


def _is_done(job: Job, part: Part, inputs: Mapping[str, str]) -> bool:
    return is_current(job.folder("adapters") / part.name, part.manifest(job, inputs))


def _counts(job: Job, part: Part) -> dict[str, Any]:
    return dict(read_manifest(job.folder("adapters") / part.name).counts)
