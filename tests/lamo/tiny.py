"""A tiny artifact at random weights, made by the real libraries, for tests of the engine."""

from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM, PretrainedConfig, PreTrainedModel

from fhir_mappings.formulary import Formulary
from lamo.artifact import Artifact, Group, VocabularyEntry, write_manifest
from lamo.prompts import FAITHFUL, Layout
from lamo.scoring.tokens import tokens_after
from lamo.training.tokenizer import train_tokenizer

LABELS = ("Metformin", "Insulin glargine", "Lisinopril", "Potassium chloride", "Warfarin")


def tiny_artifact(
    folder: Path,
    groups: int = 2,
    config: type[PretrainedConfig] = LlamaConfig,
    architecture: type[PreTrainedModel] = LlamaForCausalLM,
    layout: Layout = FAITHFUL,
    **adapters: Any,
) -> Artifact:
    """Write and load an artifact whose weights are random but not zero.

    With `activated=True` the adapters act from the candidate heading on only; other names are
    those of LoraConfig.
    """
    torch.manual_seed(1)
    (folder / "base").mkdir(parents=True)
    tokenizer = train_tokenizer(["some text to learn from"] * 4, LABELS, 300, folder / "base")
    size: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 1024,
    }
    model: Any = architecture(config(**size))
    model.save_pretrained(folder / "base", safe_serialization=True)
    names = [f"group-{index}" for index in range(groups)]
    if adapters.pop("activated", False):
        heading = tokens_after(lambda text: tokenizer(text)["input_ids"], "x, ", layout.heading)
        adapters["alora_invocation_tokens"] = heading
    chosen: dict[str, Any] = {
        "r": 4,
        "lora_alpha": 8,
        "target_modules": ["q_proj", "v_proj"],
    } | adapters
    lora = LoraConfig(**chosen, bias="none", task_type="CAUSAL_LM")
    for name in names:
        peft_model = get_peft_model(model, lora, adapter_name=name)
        for parameter_name, parameter in peft_model.named_parameters():
            if "lora_B" in parameter_name:
                torch.nn.init.normal_(parameter, std=0.3)
        peft_model.save_pretrained(str(folder / "adapters"), selected_adapters=[name])
        model = peft_model.unload()
    return _manifest(folder, names, tokenizer, layout)


def _manifest(folder: Path, names: list[str], tokenizer: object, layout: Layout) -> Artifact:
    formulary = Formulary.load()
    encode = tokenizer  # PreTrainedTokenizerFast
    return write_manifest(
        Artifact(
            folder=folder,
            name="tiny",
            version="1",
            is_demonstration=True,
            notice="Tiny model for tests. Not for clinical use.",
            base_model="base",
            prompt_version=layout.version,
            answer_token_ids={
                word: encode(word)["input_ids"][0]  # type: ignore[operator]
                for word in ("Yes", "No")
            },
            groups=tuple(Group(name=name, adapter=f"adapters/{name}") for name in names),
            vocabulary=tuple(
                VocabularyEntry(
                    rxcui=formulary.by_label(label).rxcui,
                    label=label,
                    group=names[index % len(names)],
                    base_rate=0.2,
                    slope=1.0,
                    bias=0.0,
                    recommend_at=0.5,
                    support_at=-1.0,
                )
                for index, label in enumerate(LABELS)
            ),
        )
    )
