"""The adapters themselves: making, training and saving them with PEFT's names and files."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from peft import LoraConfig, PeftModel, get_peft_model, set_peft_model_state_dict
from safetensors.torch import load_file

from lamo.training.fit import FitReport, fit
from lamo.training.stages.examples import table_of, wording_of
from lamo.training.stages.groups import held_out_of
from lamo.training.stages.job import Job
from lamo.training.stages.manifest import StageRefused
from lamo.training.stages.parts import OWN, Part

WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"


def add_adapter(job: Job, model: Any, part: Part) -> Any:
    """A PEFT model with one adapter more."""
    config = lora_config(job, part)
    if isinstance(model, PeftModel):
        model.add_adapter(part.name, config)
    else:
        model = get_peft_model(model, config, adapter_name=part.name)
    earlier = job.config.adapters.warm_start
    if earlier and part.system == OWN and (earlier / part.name / WEIGHTS).is_file():
        weights = load_file(earlier / part.name / WEIGHTS)
        set_peft_model_state_dict(model, weights, adapter_name=part.name)
    return model


def load_adapters(job: Job, model: Any, names: Iterable[str]) -> Any:
    """The base model with the finished adapters of these groups."""
    for name in names:
        folder = str(job.folder("adapters") / name)
        if isinstance(model, PeftModel):
            model.load_adapter(folder, adapter_name=name)
        else:
            model = PeftModel.from_pretrained(model, folder, adapter_name=name)
    return model


def lora_config(job: Job, part: Part) -> LoraConfig:
    """The recipe in PEFT's words; `ranks` times the rank, for comparisons."""
    adapters = job.config.adapters
    heading = wording_of(job).heading if part.kind == "alora" else None
    return LoraConfig(
        r=adapters.r * part.ranks,
        lora_alpha=adapters.lora_alpha * part.ranks,  # the same scaling, alpha / r
        lora_dropout=adapters.lora_dropout,
        target_modules=list(adapters.target_modules),
        alora_invocation_tokens=heading,
        bias="none",
        task_type="CAUSAL_LM",
    )


def train_adapters(job: Job, model: Any, parts: Sequence[Part]) -> FitReport | None:
    """Train these adapters in one run, without the held-out labels.

    A comparison's adapter that has no other labels stays as it begins, without effect: None.
    """
    held_out = held_out_of(job)
    questions = []
    for part in parts:
        asked = [label for label in part.labels if label not in held_out]
        if not asked and part.system == OWN:
            raise StageRefused(
                f"every medication of the group {part.name!r} is held out: hold out smaller "
                "classes, or make fewer and larger groups"
            )
        if asked:
            questions.append(wording_of(job).question(asked, part.name))
    if not questions:
        return None
    plan = job.config.adapters.fit
    visits = round(plan.visits * parts[0].length)
    plan = replace(plan, seed=job.config.seed, visits=visits)
    validation = table_of(job, "validation").examples[: job.config.adapters.stop_visits]
    return fit(model, table_of(job, "train").examples, questions, plan, validation)


def save_adapter(model: Any, name: str, folder: Path) -> None:
    """Write weights and config; the config must not name where the adapter was trained."""
    model.save_pretrained(str(folder.parent), selected_adapters=[name])
    (folder.parent / "README.md").unlink()  # PEFT's model card, empty
    for path in folder.iterdir():
        if path.name not in {CONFIG, WEIGHTS}:
            path.unlink()
    config = json.loads((folder / CONFIG).read_text())
    config["base_model_name_or_path"] = ""
    (folder / CONFIG).write_text(json.dumps(config, indent=1, sort_keys=True) + "\n")
