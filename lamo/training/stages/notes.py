"""Stage 2, notes: read every visit's notes and render its prompt, exactly as serving does.

Beside the three splits it writes two variants of the test visits, which show how much of the score
rests on the notes: with the notes of another patient, and without any.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

from fhir_mappings.formulary import Formulary
from lamo.notes.digest import NoteTools, digest_record
from lamo.notes.rules import rule_tools
from lamo.prompts import render_prompt
from lamo.training.evaluation.features import visit_facts
from lamo.training.stages.cohort import patient_of, visits_of
from lamo.training.stages.job import SPLITS, Job
from lamo.visits import Visit

SHUFFLED, WITHOUT = "test-notes-shuffled", "test-without-notes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One visit as the later stages see it."""

    patient: str
    prompt: str
    prescribed: list[str]
    probabilities: dict[str, float]  # true ones, of synthetic visits; empty: not known
    facts: dict[str, Any]


def run(job: Job) -> Mapping[str, Any]:
    """Write one file of rows per split and variant; counts what was cut or missing."""
    tools = note_tools()
    counts = {}
    for name in split_names(job):
        seen: Counter[str] = Counter()
        rows = (row_of(job, name, visit, (tools, seen)) for visit in _visits(job, name))
        _write(job.folder("notes") / f"{name}.jsonl", rows)
        counts[name] = dict(seen)
    return {"rows": counts, "prompt_version": job.config.layout.version}


def note_tools() -> NoteTools:
    """The reader of notes that serving has without a note model."""
    return rule_tools(Formulary.load())


def split_names(job: Job) -> tuple[str, ...]:
    """The splits, and the variants of the test split."""
    return (*SPLITS, SHUFFLED, WITHOUT) if job.config.notes.variants else SPLITS


def read_rows(job: Job, name: str) -> Iterator[Row]:
    """The rows of a split."""
    with (job.folder("notes") / f"{name}.jsonl").open(encoding="utf-8") as lines:
        yield from (Row(**json.loads(line)) for line in lines)


def _visits(job: Job, name: str) -> Iterable[Visit]:
    if name == "train":
        return _some_without_setting(job)
    if name in SPLITS:
        return visits_of(job, name)
    visits = list(visits_of(job, "test"))
    if name == WITHOUT:
        return (replace(v, record=replace(v.record, notes=())) for v in visits)
    order = list(range(len(visits)))
    Random(job.config.seed).shuffle(order)
    pairs = zip(order, order[1:] + order[:1], strict=True)
    notes = {mine: visits[other].record.notes for mine, other in pairs}
    return (
        replace(v, record=replace(v.record, notes=notes[place])) for place, v in enumerate(visits)
    )


def _some_without_setting(job: Job) -> Iterator[Visit]:
    """Training visits, some without the setting of care, as clients without encounters send."""
    draw = Random(job.config.seed)
    for visit in visits_of(job, "train"):
        is_hidden = draw.random() < job.config.notes.hidden_settings
        yield replace(visit, record=replace(visit.record, setting=None)) if is_hidden else visit


def row_of(job: Job, name: str, visit: Visit, reading: tuple[NoteTools, Counter[str]]) -> Row:
    """Read and render one visit of a split, counting its gaps."""
    tools, seen = reading
    digest = digest_record(visit.record, tools)
    prompt, gaps = render_prompt(visit.record, digest, job.config.prompt_plan)
    seen.update(["visits"] + [f"{gap.kind} {gap.where}" for gap in gaps])
    seen.update(["without a note"] if not visit.record.notes else [])
    return Row(
        patient=patient_of(job, name.split("-")[0], visit),
        prompt=prompt.text,
        prescribed=sorted(visit.prescribed),
        probabilities=dict(visit.probabilities),
        facts=visit_facts(visit),
    )


def _write(path: Path, rows: Iterable[Row]) -> None:
    with path.open("w", encoding="utf-8") as out:
        for row in rows:
            out.write(json.dumps(asdict(row), ensure_ascii=False) + "\n")
