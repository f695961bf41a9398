"""Stage 3, examples: prompts as token ids, labels as a table, candidates as suffixes.

There is one example per (visit, medication), all negatives among them (LAMO's final setting); they
are kept per visit, since all examples of a visit share its prefix.
"""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import torch
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from fhir_mappings.concepts import ConceptTable
from fhir_mappings.formulary import Formulary, FormularyEntry
from lamo.training.evaluation.features import marked
from lamo.training.stages.job import Job
from lamo.training.stages.manifest import StageRefused, folder_hash
from lamo.training.stages.notes import Row, read_rows, split_names
from lamo.training.stages.questions import Wording
from lamo.training.stages.table import Table
from lamo.training.tokenizer import train_tokenizer


def run(job: Job) -> Mapping[str, Any]:
    """Write tokenizer, wording and one table per split; counts what was left out."""
    folder = job.folder("examples")
    tokenizer = _tokenizer(job)
    tokenizer.save_pretrained(str(folder / "tokenizer"))
    labels = [entry.label for entry in _candidates(job)]
    wording = Wording.of(tokenizer, labels, job.config.layout)
    wording.save(folder / "wording.json")
    counts = {}
    for name in split_names(job):
        rows = list(read_rows(job, name))
        table, left_out = make_table(job, rows, labels, tokenizer)
        _check_heading(table, wording)
        table.save(folder, name)
        counts[name] = left_out | {
            "visits": len(table.prefixes),
            "examples": table.prescribed.numel(),
            "positive": int(table.prescribed.sum()),
            "mean_tokens": round(sum(map(len, table.prefixes)) / len(table.prefixes)),
        }
    return {"candidates": len(labels), "splits": counts}


def inputs(job: Job) -> Mapping[str, str]:
    """The tokenizer of a base model that is there already."""
    model = job.config.base.model
    return {"model": folder_hash(model)} if model else {}


def table_of(job: Job, name: str) -> Table:
    """The table of a split."""
    return Table.load(job.folder("examples"), name)


def wording_of(job: Job) -> Wording:
    """Candidates and answers in tokens."""
    return Wording.load(job.folder("examples") / "wording.json")


def entries_of(labels: Sequence[str]) -> list[FormularyEntry]:
    """The formulary's rows of the candidates, in their order."""
    formulary = Formulary.load()
    return [formulary.by_label(label) for label in labels]


def _tokenizer(job: Job) -> PreTrainedTokenizerBase:
    if job.config.base.model:
        path = str(job.config.base.model)
        loaded: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(path, local_files_only=True)
        return loaded
    candidates = [entry.label for entry in Formulary.load().candidates]
    terms = list(candidates)
    for table in ("conditions", "procedures"):
        for concept in ConceptTable.load(table).concepts:
            terms += [concept.label, *concept.names]
    learned = islice(read_rows(job, "train"), job.config.examples.tokenizer_visits)
    texts = [row.prompt for row in learned]
    folder = job.folder("examples") / "tokenizer"
    return train_tokenizer(
        texts,
        terms,
        job.config.examples.bpe_tokens,
        folder,
        candidates,
        job.config.layout,
    )


def _candidates(job: Job) -> list[FormularyEntry]:
    """The formulary's candidates that are in enough of the training visits."""
    entries, least = Formulary.load().candidates, job.config.examples.least_visits
    place = {entry.label: index for index, entry in enumerate(entries)}
    visits = marked([row.prescribed for row in read_rows(job, "train")], place).sum(dim=0).tolist()
    chosen = [entry for entry, times in zip(entries, visits, strict=True) if times >= least]
    if not chosen:
        raise StageRefused(
            f"no medication is prescribed in {least} training visits (the most has {max(visits)}): "
            "lower examples.least_visits, or give more visits"
        )
    return chosen


def make_table(
    job: Job, rows: Sequence[Row], labels: Sequence[str], tokenizer: PreTrainedTokenizerBase
) -> tuple[Table, dict[str, int]]:
    """Tokenise rows and line their labels up with the vocabulary; counts what was left out."""
    encoded: list[list[int]] = [list(tokenizer(row.prompt)["input_ids"]) for row in rows]
    most = job.config.examples.most_tokens
    kept = [place for place, ids in enumerate(encoded) if len(ids) <= most]
    if not kept:
        raise StageRefused(
            f"every prompt is longer than examples.most_tokens = {most}: raise it, or lower the "
            "limits in [notes]"
        )
    chosen = [rows[place] for place in kept]
    columns = {label: index for index, label in enumerate(labels)}
    outside = sum(name not in columns for row in chosen for name in row.prescribed)
    known = all(row.probabilities for row in chosen)
    truth = [[row.probabilities.get(label, 0.0) for label in labels] for row in chosen]
    table = Table(
        labels=tuple(labels),
        prefixes=[torch.tensor(encoded[place]) for place in kept],
        prescribed=marked([row.prescribed for row in chosen], columns),
        truth=torch.tensor(truth) if known else None,
        patients=tuple(row.patient for row in chosen),
        facts=[row.facts for row in chosen],
        places=tuple(kept),
    )
    return table, {"too_long": len(rows) - len(kept), "outside_vocabulary": outside}


def _check_heading(table: Table, wording: Wording) -> None:
    heading = torch.tensor(wording.heading)
    for ids in table.prefixes:
        if not torch.equal(ids[-len(heading) :], heading):
            raise StageRefused(
                "the tokenizer cuts the candidate heading differently after some prompts: use a "
                "base model whose tokenizer splits at white space"
            )
