"""Stage 5, base: the model under all adapters, trained from nothing, further, or taken as it is."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

from fhir_mappings.formulary import Formulary
from lamo.training.fit import FitReport, fit
from lamo.training.stages.config import BaseConfig
from lamo.training.stages.examples import table_of, wording_of
from lamo.training.stages.groups import held_out_of
from lamo.training.stages.job import Job
from lamo.training.tokenizer import share_embeddings

WEIGHTS = "model"  # folder below base/


def run(job: Job) -> Mapping[str, Any]:
    """Train if the recipe says so; leaves a Hugging Face folder, or a note of where it is."""
    config, folder = job.config.base, job.folder("base")
    if config.fit is None:
        path = Path(str(config.model)).resolve()
        (folder / "model.json").write_text(json.dumps({"path": str(path)}) + "\n")
        return {"trained": False}
    torch.manual_seed(job.config.seed)
    model = load(config.model, config) if config.model else _from_nothing(job)
    labels = [label for label in wording_of(job).suffixes if label not in held_out_of(job)]
    question = wording_of(job).question(labels)
    model.requires_grad_(True)
    plan = replace(config.fit, seed=job.config.seed)
    report = fit(model, table_of(job, "train").examples, [question], plan)
    if job.accelerator.is_main_process:
        model.save_pretrained(folder / WEIGHTS, safe_serialization=True)
        tokenizer = job.folder("examples") / "tokenizer"
        shutil.copytree(tokenizer, folder / WEIGHTS, dirs_exist_ok=True)
        write_report(folder / "fit.json", report)
    return {"trained": True, "parameters": model.num_parameters()} | summary(report)


def load_base(job: Job) -> Any:
    """The finished base model, frozen."""
    return load(base_folder(job), job.config.base).requires_grad_(False)


def base_folder(job: Job) -> Path:
    """Where the base model lies: below the stage's folder, or where the recipe says."""
    note = job.folder("base") / "model.json"
    if note.is_file():
        return Path(json.loads(note.read_text())["path"])
    return job.folder("base") / WEIGHTS


def load(folder: Path, config: BaseConfig) -> Any:
    """A causal LM from a folder: safetensors only, offline, no code from the folder."""
    return AutoModelForCausalLM.from_pretrained(
        str(folder),
        local_files_only=True,
        use_safetensors=True,
        trust_remote_code=False,
        dtype=getattr(torch, config.dtype),
        attn_implementation="sdpa",
    )


def summary(report: FitReport) -> dict[str, Any]:
    """What a manifest says of a training run."""
    return {
        "steps": len(report.losses),
        "first_loss": round(report.losses[0], 4),
        "last_loss": round(report.losses[-1], 4),
        "best": {name or "model": [step, round(j, 4)] for name, (step, j) in report.best.items()},
        "fit_seconds": round(report.seconds, 1),
    }


def write_report(path: Path, report: FitReport) -> None:
    """The whole curve, as JSON."""
    path.write_text(json.dumps(asdict(report)) + "\n")


def _from_nothing(job: Job) -> Any:
    config = job.config.base
    folder = str(job.folder("examples") / "tokenizer")
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=config.hidden_size,
            intermediate_size=config.intermediate_size,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            num_key_value_heads=config.heads,
            max_position_embeddings=config.most_positions,
            tie_word_embeddings=True,
            initializer_range=config.initializer_range,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    candidates = [entry.label for entry in Formulary.load().candidates]
    embeddings: Any = model.get_input_embeddings()
    share_embeddings(embeddings.weight, tokenizer, candidates, job.config.layout)
    if config.matched_queries:
        _match_queries(model, config.matched_queries)
    return model


def _match_queries(model: Any, gain: float) -> None:
    """Start with keys that answer their own queries, in place.

    A candidate then attends to its own name from the start, and to what its embedding grows
    alike, instead of to everything evenly.
    """
    with torch.no_grad():
        for layer in model.get_decoder().layers:
            attention = layer.self_attn
            attention.q_proj.weight.mul_(gain)
            attention.k_proj.weight.copy_(attention.q_proj.weight)
