"""The cohort stage: read a source into visits, then split them, each with its manifest."""

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import structlog

from lamo.exports.errors import CohortError
from lamo.exports.files import sha256_of
from lamo.exports.tally import Tally
from lamo.training.cohort.config import CohortConfig
from lamo.training.cohort.manifest import Manifest, plain, read_manifest
from lamo.training.cohort.rules import Knowledge
from lamo.training.cohort.sources import cohort_visits
from lamo.training.cohort.splits import PARTS, SplitPlan, VisitKey, assign, overlap
from lamo.training.cohort.visit import own_part, save_cohort

log = structlog.get_logger()

VISITS = "visits.jsonl"


def run_cohort(config: CohortConfig) -> list[Manifest]:
    """Read the source once for each kind of knowledge that the splits need, and split it.

    Leaves `out/encounter` and `out/first-order`, each with visits.jsonl and manifest.json, and in
    them one folder per split with train.jsonl, validation.jsonl, test.jsonl and manifest.json.

    Raises:
        CohortError: the source cannot be read, or not be split as asked.
    """
    manifests = []
    for knowledge in dict.fromkeys(_knowledge(config, plan) for plan in config.splits):
        plans = [plan for plan in config.splits if _knowledge(config, plan) == knowledge]
        rules = replace(config.rules, knowledge=knowledge)
        folder = config.out / knowledge
        manifests.append(read_stage(replace(config, rules=rules, out=folder)))
        manifests += [split_stage(folder, plan) for plan in plans]
    return manifests


def read_stage(config: CohortConfig) -> Manifest:
    """Write the visits of the source to `out`, with a manifest."""
    tally = Tally()
    config.out.mkdir(parents=True, exist_ok=True)
    inputs: dict[str, str] = {}
    path = config.out / VISITS
    save_cohort(path, cohort_visits(config, tally, inputs))
    manifest = Manifest(
        stage="cohort",
        config=plain(config),
        seed=None,
        counts=dict(tally.counted),
        dropped=dict(tally.dropped),
        inputs=inputs,
        outputs={VISITS: sha256_of(path)},
    )
    manifest.write(config.out)
    log.info("cohort", source=config.source, visits=tally.counted["visits"])
    return manifest


def split_stage(folder: Path, plan: SplitPlan) -> Manifest:
    """Split the visits of a read stage into a folder inside its own.

    Raises:
        SplitImpossible: the visits cannot be split so.
        CohortError: the folder holds no cohort, or not the one that its manifest accounts for.
    """
    before = read_manifest(folder)
    _refuse_wrong_knowledge(plan, before)
    with (folder / VISITS).open(encoding="utf-8") as lines:
        keys = [_key(line) for line in lines]
    parts = assign(plan, keys)
    out = folder / plan.name
    out.mkdir(exist_ok=True)
    with ExitStack() as stack, (folder / VISITS).open(encoding="utf-8") as lines:
        files = {
            part: stack.enter_context((out / f"{part}.jsonl").open("w", encoding="utf-8"))
            for part in PARTS
        }
        for line, part in zip(lines, parts, strict=True):
            files[part].write(line)
    manifest = Manifest(
        stage="split",
        config=plain(plan),
        seed=plan.seed,
        counts={
            **{part: parts.count(part) for part in PARTS},
            "patients": len({key.patient_id for key in keys}),
            "patients in more than one part": overlap(keys, parts),
        },
        dropped={},
        inputs=dict(before.outputs),
        outputs={f"{part}.jsonl": sha256_of(out / f"{part}.jsonl") for part in PARTS},
    )
    manifest.write(out)
    return manifest


def _knowledge(config: CohortConfig, plan: SplitPlan) -> Knowledge:
    return "first-order" if plan.how == "order-time" else config.rules.knowledge


def _refuse_wrong_knowledge(plan: SplitPlan, before: Manifest) -> None:
    config = before.config
    if plan.how == "order-time" and config["source"] != "synthetic":
        told = config["rules"]["knowledge"]
        if told != "first-order":
            raise CohortError(
                f"these visits tell what was known by the end of the {told}: "
                "read the source with knowledge first-order for a split by order-time"
            )


def _key(line: str) -> VisitKey:
    """Real years where there are any; the moment itself where it is real."""
    own = own_part(line)
    is_real = own["source"] in ("fhir", "synthetic")
    return VisitKey(own["patient_id"], own["admitted_at"] if is_real else own["year_bucket"])
