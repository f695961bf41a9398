"""Which adapters are trained: those of the groups, and those that the report compares them with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from lamo.training.groups import Groups, Seen, make_groups
from lamo.training.stages.config import plain
from lamo.training.stages.examples import entries_of, table_of, wording_of
from lamo.training.stages.groups import groups_of, held_out_of
from lamo.training.stages.job import Job
from lamo.training.stages.manifest import Manifest

OWN = ""  # the system of the artifact's own adapters
UNTUNED = "untuned"  # the base model without any adapter
RIVALS = {  # names in the report
    UNTUNED: "untuned base model",
    "one": "one adapter for all",
    "popularity": "adapters by popularity",
    "co-prescription": "adapters by co-prescription",
    "class": "adapters by class",
    "each": "an adapter per medication",
    "activated": "grouped adapters, activated",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One adapter to train."""

    name: str  # of its folder, and in PEFT
    labels: tuple[str, ...]
    index: int
    kind: Literal["lora", "alora"]
    system: str = OWN
    ranks: int = 1  # how many adapters' worth of parameters
    length: float = 1.0  # how many adapters' worth of steps

    def manifest(self, job: Job, inputs: Mapping[str, str]) -> Manifest:
        """What its folder's manifest has to say for it to be done."""
        config = plain(job.config.adapters) | {
            "compare": None,  # other parts, of no consequence for this one
            "kind": self.kind,
            "labels": list(self.labels),
            "held_out": sorted(held_out_of(job) & set(self.labels)),
            "ranks": self.ranks,
            "length": self.length,
        }
        return Manifest(
            stage=f"adapters/{self.name}",
            seed=job.config.seed + self.index,
            config=config,
            inputs=inputs,
        )


def parts_of(job: Job) -> list[Part]:
    """The adapters of the groups, then those of each comparison."""
    groups, kind = groups_of(job), job.config.adapters.kind
    parts = [
        Part(name=name, labels=labels, index=index, kind=kind)
        for index, (name, labels) in enumerate(groups.items())
    ]
    for way in job.config.adapters.compare:
        parts += _comparison(job, way, groups)
    return parts


def systems_of(job: Job) -> Sequence[str]:
    """What the report compares the groups' adapters with."""
    return (UNTUNED, *job.config.adapters.compare)


def _comparison(job: Job, way: str, groups: Groups) -> list[Part]:
    """As many parameters and steps in all as the groups have, where that can be."""
    kind, count = job.config.adapters.kind, len(groups)
    labels = tuple(wording_of(job).suffixes)
    if way == "one":
        one = Part(name="one-for-all", labels=labels, index=count, kind=kind, system=way)
        return [replace(one, ranks=count, length=count)]
    if way == "activated":
        others, kind = {f"activated-{name}": some for name, some in groups.items()}, "alora"
    else:
        table = table_of(job, "train")
        entries = entries_of(table.labels)
        seen = Seen(entries=entries, prescribed=table.prescribed, seed=job.config.seed)
        made = make_groups(way, seen, count)
        others = {name if way in name else f"{way}-{name}": some for name, some in made.items()}
    length = count / len(others)
    return [
        Part(name=name, labels=some, index=index, kind=kind, system=way, length=length)
        for index, (name, some) in enumerate(others.items())
    ]
