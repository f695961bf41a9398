"""Stage 9, artifact: the one folder that serving reads."""

import json
import os
import shutil
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer

from lamo.artifact import Artifact, Group, VocabularyEntry, write_manifest
from lamo.scoring.probe import probe
from lamo.training.examples import Example
from lamo.training.scoring import score_examples
from lamo.training.stages.base import base_folder, load_base
from lamo.training.stages.calibrate import calibration_of, policy_of
from lamo.training.stages.config import plain
from lamo.training.stages.evaluate import headline_metrics
from lamo.training.stages.examples import entries_of, wording_of
from lamo.training.stages.groups import groups_of
from lamo.training.stages.job import Job
from lamo.training.stages.lora import CONFIG, WEIGHTS, load_adapters

PACKED = "packed"  # folder below artifact/


def run(job: Job) -> Mapping[str, Any]:
    """Copy weights, write the manifest and load what was packed."""
    out = job.folder("artifact") / PACKED
    out.mkdir()
    base_model = _pack_base(job, out)
    for name in groups_of(job):
        (out / "adapters" / name).mkdir(parents=True)
        for file in (WEIGHTS, CONFIG):
            shutil.copyfile(job.folder("adapters") / name / file, out / "adapters" / name / file)
    (out / "README.md").write_text(f"# {job.config.artifact.notice}\n\nMade by `lamo-cds train`.\n")
    for card in job.folder("evaluate").glob("model-card.*"):
        shutil.copyfile(card, out / card.name)
    packed = write_manifest(_artifact(job, out, base_model))
    return {"megabytes": round(_size(out) / 1e6, 2), "sha256": packed.sha256}


def packed_folder(job: Job) -> Path:
    """Where the finished artifact lies."""
    return job.folder("artifact") / PACKED


def _pack_base(job: Job, out: Path) -> str:
    """A base model that was trained here is copied; any other stays where it is."""
    base = base_folder(job)
    if job.config.base.fit is None:
        return os.fspath(base)
    shutil.copytree(base, out / "base")
    return "base"


def _artifact(job: Job, out: Path, base_model: str) -> Artifact:
    says, wording = job.config.artifact, wording_of(job)
    return Artifact(
        folder=out,
        name=says.name,
        version=says.version,
        is_demonstration=says.is_demonstration,
        notice=says.notice,
        base_model=base_model,
        answer_token_ids={"Yes": wording.yes_id, "No": wording.no_id},
        groups=tuple(Group(name=name, adapter=f"adapters/{name}") for name in groups_of(job)),
        vocabulary=tuple(_vocabulary(job)),
        prompt_version=job.config.layout.version,
        prompt_limits=job.config.notes.limits,
        selection=policy_of(job),
        probe=_probe(job),
        metrics=headline_metrics(job),
        recipe=_recipe(job),
    )


def _vocabulary(job: Job) -> list[VocabularyEntry]:
    calibration = calibration_of(job)
    group_of = {label: name for name, labels in groups_of(job).items() for label in labels}
    entries = entries_of(list(wording_of(job).suffixes))
    return [
        VocabularyEntry(
            rxcui=entry.rxcui,
            label=entry.label,
            group=group_of[entry.label],
            **calibration.entry(index),
        )
        for index, entry in enumerate(entries)
    ]


def _probe(job: Job) -> dict[str, float]:
    """What the groups' adapters say of the probe, by label."""
    folder = str(job.folder("examples") / "tokenizer")
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    ids, wording = (
        torch.tensor(tokenizer(probe(job.config.layout).text)["input_ids"]),
        wording_of(job),
    )
    asked = Example(ids, torch.zeros(len(wording.suffixes), dtype=torch.bool), 0)
    model = load_adapters(job, load_base(job), groups_of(job)).to(job.accelerator.device)
    said: dict[str, float] = {}
    for name, labels in groups_of(job).items():
        scores = score_examples(model, [asked], wording.question(labels, name))[0]
        said |= dict(zip(labels, [round(score, 4) for score in scores.tolist()], strict=True))
    return said


def _recipe(job: Job) -> dict[str, Any]:
    """Recipe, seed, kind of adapters, choice of groups, device: what it takes to make it again."""
    groups = json.loads((job.folder("groups") / "groups.json").read_text())
    recipe = plain(job.config)
    if job.config.cohort.source == "files":
        recipe["cohort"] |= {split: None for split in ("train", "validation", "test")}
    recipe["adapters"]["warm_start"] = bool(job.config.adapters.warm_start)
    recipe["base"]["model"] = job.config.base.model and job.config.base.model.name
    recipe["groups"]["held_out_medications"] = groups["held_out"]
    made = {name: version(name) for name in ("torch", "transformers", "peft", "accelerate")}
    device = job.accelerator.device.type
    return recipe | {
        "device": device,
        "processes": job.accelerator.num_processes,
        "made_with": made,
    }


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
