"""Synthetic patients that no stage has seen, scored with what was trained."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import torch
from transformers import AutoTokenizer

from lamo.synthetic.generator import synthesize
from lamo.training.scored import Scored
from lamo.training.scoring import score_examples
from lamo.training.stages.base import load_base
from lamo.training.stages.examples import make_table, wording_of
from lamo.training.stages.groups import groups_of
from lamo.training.stages.job import Job
from lamo.training.stages.lora import load_adapters
from lamo.training.stages.manifest import StageRefused
from lamo.training.stages.notes import note_tools, row_of
from lamo.visits import Visit


@dataclass(frozen=True, slots=True)
class Fresh:
    """Fresh visits and their scores, row by row."""

    visits: list[Visit]
    scored: Scored


def fresh_test(job: Job, seed: int) -> Fresh:
    """Draw as many patients as the test split has, with another seed, and score their visits."""
    if job.config.cohort.source != "synthetic":
        raise StageRefused(
            "--seed draws fresh synthetic patients, and this recipe trains on files: leave --seed "
            "out, or give a recipe with cohort.source = 'synthetic'"
        )
    used = range(job.config.seed, job.config.seed + 3)
    if seed in used:
        raise StageRefused(f"--seed {seed} is one of the recipe's own {list(used)}: give another")
    visits = list(synthesize(job.config.cohort.test_patients, seed))
    tools, seen = note_tools(), Counter[str]()
    rows = [row_of(job, f"fresh-{seed}", visit, (tools, seen)) for visit in visits]
    folder = str(job.folder("examples") / "tokenizer")
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    labels = list(wording_of(job).suffixes)
    table, _ = make_table(job, rows, labels, tokenizer)
    log_odds = torch.empty(table.prescribed.shape)
    model: Any = load_adapters(job, load_base(job), groups_of(job)).to(job.accelerator.device)
    for name, members in groups_of(job).items():
        question = wording_of(job).question(members, name)
        log_odds[:, question.chosen] = score_examples(model, table.examples, question)
    kept = [visits[place] for place in table.places]
    return Fresh(kept, table.scored(log_odds))
