"""Stage 4, groups: which medications share an adapter, and which are held out of training."""

import json
from collections.abc import Mapping
from typing import Any

from lamo.training.groups import Groups, Seen, make_groups
from lamo.training.stages.examples import entries_of, table_of
from lamo.training.stages.job import Job
from lamo.training.stages.manifest import StageRefused


def run(job: Job) -> Mapping[str, Any]:
    """Write groups.json: labels by group, and the labels of held-out classes."""
    config, table = job.config.groups, table_of(job, "train")
    entries = entries_of(table.labels)
    classes = {entry.drug_class for entry in entries}
    if unknown := sorted(set(config.held_out) - classes):
        raise StageRefused(
            f"groups.held_out names {unknown}, which are not classes of the candidates: "
            f"give some of {sorted(classes)}"
        )
    seen = Seen(entries=entries, prescribed=table.prescribed, seed=job.config.seed)
    groups = make_groups(config.by, seen, config.count)
    held_out = [entry.label for entry in entries if entry.drug_class in config.held_out]
    content = {"by": config.by, "groups": groups, "held_out": held_out}
    path = job.folder("groups") / "groups.json"
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    return {"groups": {name: len(labels) for name, labels in groups.items()}}


def groups_of(job: Job) -> Groups:
    """Labels by group, held-out ones among them: each is scored by its group's adapter."""
    content = json.loads((job.folder("groups") / "groups.json").read_text())
    return {name: tuple(labels) for name, labels in content["groups"].items()}


def held_out_of(job: Job) -> frozenset[str]:
    """Labels that no adapter is trained on."""
    return frozenset(json.loads((job.folder("groups") / "groups.json").read_text())["held_out"])
