"""The recipe of the bundled demonstration model: from nothing to an artifact, on a CPU.

    lamo-cds train demo-model --out lamo/demo_artifact

Synthesize a cohort; train a tokenizer and a small Llama from scratch on the objective over all
medications and on the note text; freeze it; train one LoRA adapter per medication group on LAMO's
objective; calibrate on validation patients; measure on test patients; pack.
"""

import json
import random
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import structlog
import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from fhir_mappings.concepts import ConceptTable
from fhir_mappings.formulary import Formulary, FormularyEntry
from lamo.artifact import Artifact, Group, VocabularyEntry, write_manifest
from lamo.notes import HeadingReader, NoteTools
from lamo.prompts import ANSWERS, CANDIDATE_HEADING, PromptLimits, candidate_suffix
from lamo.scoring.local import pack_suffixes
from lamo.synthetic.generator import synthesize
from lamo.training.calibration import Calibration, calibrate
from lamo.training.evaluation import (
    expected_jaccard_choice,
    medication_ratios,
    prevalence_top_k,
    rounded,
    set_metrics,
)
from lamo.training.examples import Example, prompt_text
from lamo.training.fit import FitPlan, Question, fit, score_examples
from lamo.training.groups import group_by_class
from lamo.training.tokenizer import train_tokenizer
from lamo.visits import Visit

log = structlog.get_logger()

NOTICE = (
    "Demonstration model, trained on synthetic patients only. Not for clinical use: its "
    "suggestions and warnings show what the service does, not what is right for a patient."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoRecipe:
    """Every choice that the demonstration model rests on."""

    seed: int = 2023
    train_patients: int = 16000
    hidden_settings: float = 0.15  # share of training visits whose setting of care is not shown
    validation_patients: int = 1500
    test_patients: int = 1500
    bpe_tokens: int = 2000
    hidden_size: int = 192
    layers: int = 4
    heads: int = 4
    intermediate_size: int = 512
    base: FitPlan = field(
        default_factory=lambda: FitPlan(
            visits=24000,
            batch_visits=8,
            learning_rate=1.5e-3,
            warmup_steps=100,
            schedule="cosine",
            text_weight=0.1,
        )
    )
    adapter: FitPlan = field(
        default_factory=lambda: FitPlan(
            visits=3000,
            batch_visits=8,
            learning_rate=5e-4,
            warmup_steps=10,
            schedule="inverse-sqrt",
            weight_decay=0.0,
        )
    )
    groups: int = 8
    r: int = 8
    lora_alpha: int = 16
    lora_dropout: float = 0.05
    target_modules: tuple[str, ...] = ("q_proj", "v_proj")


@dataclass(frozen=True, slots=True)
class Cohort:
    """The visits of one split, ready for the model."""

    examples: list[Example]
    prescribed: Tensor  # (visits, candidates) bool
    truth: Tensor  # (visits, candidates) float32: the generator's probabilities


@dataclass(frozen=True, slots=True)
class Bench:
    """What every stage of the recipe needs."""

    recipe: DemoRecipe
    entries: Sequence[FormularyEntry]
    notes: NoteTools
    tokenizer: PreTrainedTokenizerFast

    def cohort(self, visits: Sequence[Visit]) -> Cohort:
        """Tokenise visits and line their labels up with the vocabulary."""
        labels = [entry.label for entry in self.entries]
        prescribed = torch.tensor([[label in v.prescribed for label in labels] for v in visits])
        truth = torch.tensor([[v.probabilities.get(name, 0.0) for name in labels] for v in visits])
        texts = [prompt_text(visit, self.notes, PromptLimits()) for visit in visits]
        rows = self.tokenizer(texts)["input_ids"]
        examples = [
            Example(torch.tensor(ids), row, index)
            for index, (ids, row) in enumerate(zip(rows, prescribed, strict=True))
        ]
        return Cohort(examples, prescribed, truth)

    def question(self, labels: Sequence[str]) -> Question:
        """The candidates to ask about, as suffixes and answer tokens."""
        where = {entry.label: index for index, entry in enumerate(self.entries)}
        heading = len(self.tokenizer(CANDIDATE_HEADING)["input_ids"])
        suffixes = [
            self.tokenizer(CANDIDATE_HEADING + candidate_suffix(label))["input_ids"][heading:]
            for label in labels
        ]
        yes_id, no_id = (self.tokenizer(answer)["input_ids"][0] for answer in ANSWERS)
        chosen = torch.tensor([where[label] for label in labels])
        return Question(pack_suffixes(suffixes), chosen, yes_id, no_id)


def make_demo_model(out: Path, recipe: DemoRecipe | None = None) -> Artifact:
    """Run the whole recipe and write the artifact to `out`, replacing what is there."""
    recipe = recipe or DemoRecipe()
    torch.manual_seed(recipe.seed)
    shutil.rmtree(out, ignore_errors=True)
    (out / "base").mkdir(parents=True)
    train = list(synthesize(recipe.train_patients, recipe.seed))
    bench = _open_bench(recipe, train, out / "base")
    cohorts = [bench.cohort(_hide_settings(train, recipe))]
    for offset, patients in enumerate((recipe.validation_patients, recipe.test_patients), 1):
        cohorts.append(bench.cohort(list(synthesize(patients, recipe.seed + offset))))
    log.info("cohorts", visits=[len(cohort.examples) for cohort in cohorts])
    base = _train_base(bench, cohorts[0])
    base.save_pretrained(out / "base", safe_serialization=True)
    groups = group_by_class(bench.entries, recipe.groups)
    validation, test = _train_adapters(bench, base, groups, cohorts, out)
    calibration = calibrate(validation, cohorts[1].prescribed)
    metrics = _measure(calibration, test, cohorts)
    log.info("metrics", **metrics)
    return _pack(bench, groups, calibration, metrics, out)


def _open_bench(recipe: DemoRecipe, train: Sequence[Visit], folder: Path) -> Bench:
    formulary = Formulary.load()
    notes = NoteTools(reader=HeadingReader(), formulary=formulary)
    terms = [entry.label for entry in formulary.candidates]
    for table in ("conditions", "procedures"):
        terms += [concept.label for concept in ConceptTable.load(table).concepts]
    texts = [prompt_text(visit, notes, PromptLimits()) for visit in train[:4000]]
    tokenizer = train_tokenizer(texts, terms, recipe.bpe_tokens, folder)
    return Bench(recipe, formulary.candidates, notes, tokenizer)


def _hide_settings(visits: Sequence[Visit], recipe: DemoRecipe) -> list[Visit]:
    """Leave the setting of care out of some records, as CDS Clients without encounters do."""
    draw = random.Random(recipe.seed)
    return [
        replace(visit, record=replace(visit.record, setting=None))
        if draw.random() < recipe.hidden_settings
        else visit
        for visit in visits
    ]


def _train_base(bench: Bench, cohort: Cohort) -> LlamaForCausalLM:
    recipe = bench.recipe
    config = LlamaConfig(
        vocab_size=len(bench.tokenizer),
        hidden_size=recipe.hidden_size,
        intermediate_size=recipe.intermediate_size,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        num_key_value_heads=recipe.heads,
        max_position_embeddings=4096,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=bench.tokenizer.eos_token_id,
        pad_token_id=bench.tokenizer.pad_token_id,
    )
    model = LlamaForCausalLM(config)
    question = bench.question([entry.label for entry in bench.entries])
    fit(model, cohort.examples, [question], recipe.base)
    return model.requires_grad_(False)


def _train_adapters(
    bench: Bench,
    base: LlamaForCausalLM,
    groups: dict[str, tuple[str, ...]],
    cohorts: Sequence[Cohort],
    out: Path,
) -> tuple[Tensor, Tensor]:
    """Train and save one adapter per group; return log-odds on validation and test visits."""
    _, validation, test = cohorts
    scores = [torch.empty(cohort.prescribed.shape) for cohort in (validation, test)]
    recipe = bench.recipe
    config = LoraConfig(
        r=recipe.r,
        lora_alpha=recipe.lora_alpha,
        lora_dropout=recipe.lora_dropout,
        target_modules=list(recipe.target_modules),
        bias="none",
        task_type="CAUSAL_LM",
    )
    for index, (name, labels) in enumerate(groups.items()):
        log.info("adapter", group=name, candidates=len(labels))
        question = bench.question(labels)
        model = get_peft_model(base, config, adapter_name=name)
        plan = replace(recipe.adapter, seed=recipe.seed + index)
        fit(model, cohorts[0].examples, [question], plan)
        model.save_pretrained(str(out / "adapters"), selected_adapters=[name])
        _tidy(out / "adapters" / name)
        for table, cohort in zip(scores, (validation, test), strict=True):
            table[:, question.chosen] = score_examples(model, cohort.examples, question)
        base = model.unload()  # type: ignore[assignment]  # what get_peft_model was given
    return scores[0], scores[1]


def _measure(calibration: Calibration, test: Tensor, cohorts: Sequence[Cohort]) -> dict[str, Any]:
    training, _, held_out = cohorts
    prescribed = held_out.prescribed
    chosen = test >= calibration.recommend_at
    limit = expected_jaccard_choice(held_out.truth)
    floor = prevalence_top_k(training.prescribed, len(prescribed))
    by_expectation = expected_jaccard_choice(calibration.probabilities(test))
    return {
        "split": f"{len(prescribed)} visits of held-out synthetic patients",
        "thresholds": rounded(set_metrics(chosen, prescribed)),
        "thresholds_by_medication": rounded(medication_ratios(chosen, prescribed)),
        "greedy_yes": rounded(set_metrics(test > 0, prescribed)),
        "expected_jaccard": rounded(set_metrics(by_expectation, prescribed)),
        "bayes_optimal": rounded(set_metrics(limit, prescribed)),
        "prevalence_top_k": rounded(set_metrics(floor, prescribed)),
    }


def _pack(
    bench: Bench,
    groups: dict[str, tuple[str, ...]],
    calibration: Calibration,
    metrics: dict[str, Any],
    out: Path,
) -> Artifact:
    group_of = {label: name for name, labels in groups.items() for label in labels}
    vocabulary = tuple(
        VocabularyEntry(
            rxcui=entry.rxcui,
            label=entry.label,
            group=group_of[entry.label],
            **{
                name: round(float(getattr(calibration, name)[index]), 4)
                for name in ("base_rate", "slope", "bias", "recommend_at", "support_at")
            },
        )
        for index, entry in enumerate(bench.entries)
    )
    question = bench.question([bench.entries[0].label])
    (out / "README.md").write_text(f"# {NOTICE}\n\nMade by `lamo-cds train demo-model`.\n")
    return write_manifest(
        Artifact(
            folder=out,
            name="lamo-demo",
            version="1",
            is_demonstration=True,
            notice=NOTICE,
            base_model="base",
            answer_token_ids={"Yes": question.yes_id, "No": question.no_id},
            groups=tuple(Group(name=name, adapter=f"adapters/{name}") for name in groups),
            vocabulary=vocabulary,
            metrics=metrics,
            recipe=asdict(bench.recipe) | {"device": "cpu"},
        )
    )


def _tidy(folder: Path) -> None:
    """Keep weights and config of a PEFT folder; the config must not name where it was trained."""
    for path in folder.iterdir():
        if path.name not in {"adapter_config.json", "adapter_model.safetensors"}:
            path.unlink()
    config_path = folder / "adapter_config.json"
    config = json.loads(config_path.read_text())
    config["base_model_name_or_path"] = ""
    config_path.write_text(json.dumps(config, indent=1, sort_keys=True) + "\n")
