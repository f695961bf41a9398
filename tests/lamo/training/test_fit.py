"""Training behind a shared prefix: the same loss and gradients as one row per candidate."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy
from transformers import LlamaConfig, LlamaForCausalLM

from lamo.scoring.packing import pack_suffixes
from lamo.training.examples import Example, batches_of
from lamo.training.fit import (
    FitPlan,
    Objective,
    Question,
    Rates,
    StopRule,
    fit,
    score_examples,
)
from lamo.training.forward import PackedLoss, Whole
from lamo.training.stopping import jaccard_per_medication

SUFFIXES = [[5, 9], [6, 7, 9], [8, 9]]
YES, NO = 3, 4
TEXT = Objective(text_weight=0.1, text_every=2)


def tiny_model() -> Any:
    torch.manual_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=40,
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=2,
        )
    )


def tiny_examples(count: int) -> list[Example]:
    generator = torch.Generator().manual_seed(1)
    lengths = [4 + index % 5 for index in range(count)]
    return [
        Example(
            torch.randint(10, 40, (length,), generator=generator),
            torch.rand(3, generator=generator) < 0.5,
            index,
        )
        for index, length in enumerate(lengths)
    ]


def question() -> Question:
    return Question(pack_suffixes(SUFFIXES), torch.arange(3), YES, NO)


def whole_loss(model: Any, examples: list[Example], questions: list[Question]) -> torch.Tensor:
    loss: torch.Tensor = PackedLoss(model, questions)(examples, Whole(len(examples), 1))
    return loss


def with_adapter(model: Any, **changes: Any) -> Any:
    """A LoRA adapter whose matrices are not zero, at dropout 0."""
    config: dict[str, Any] = {"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj"]}
    peft_model = get_peft_model(model, LoraConfig(**(config | changes)), adapter_name="group")
    generator = torch.Generator().manual_seed(5)
    for name, parameter in peft_model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.3, generator=generator)
    return peft_model


def row_by_row_loss(model: Any, examples: list[Example]) -> torch.Tensor:
    """One full prompt per (visit, candidate), as LAMO trains."""
    losses = []
    for example in examples:
        for index, suffix in enumerate(SUFFIXES):
            ids = torch.cat([example.prefix, torch.tensor(suffix)])[None]
            answer = torch.tensor([YES if example.prescribed[index] else NO])
            losses.append(cross_entropy(model(input_ids=ids).logits[0, -1:], answer))
    return torch.stack(losses).mean()


def gradients(model: Any, loss: torch.Tensor) -> dict[str, torch.Tensor]:
    model.zero_grad()
    loss.backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def test_packed_loss_and_gradients_equal_those_of_separate_rows() -> None:
    model, examples = tiny_model().train(), tiny_examples(4)
    packed_loss = whole_loss(model, examples, [question()])
    row_loss = row_by_row_loss(model, examples)
    assert packed_loss.item() == pytest.approx(row_loss.item(), abs=1e-5)
    packed, rows = gradients(model, packed_loss), gradients(model, row_loss)
    assert packed.keys() == rows.keys()
    for name in rows:
        torch.testing.assert_close(packed[name], rows[name], atol=1e-5, rtol=1e-4)


def test_scores_do_not_depend_on_the_batch_that_a_visit_is_in() -> None:
    model, examples = tiny_model(), tiny_examples(7)
    together = score_examples(model, examples, question(), batch_visits=7)
    alone = score_examples(model, examples, question(), batch_visits=1)
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)


def test_training_learns_and_the_same_seed_gives_the_same_weights() -> None:
    examples = tiny_examples(6)
    models = [tiny_model(), tiny_model()]
    before = row_by_row_loss(models[0], examples).item()
    for model in models:
        fit(model, examples, [question()], plan(visits=240, batch_visits=3))
    assert row_by_row_loss(models[0], examples).item() < before / 2
    for one, other in zip(models[0].parameters(), models[1].parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_every_visit_is_seen_once_before_any_is_seen_again() -> None:
    examples = tiny_examples(37)
    seen = [
        example.visit
        for batch in batches_of(examples, 4, torch.Generator().manual_seed(3))
        for example in batch
    ]
    assert sorted(seen) == list(range(37))


def test_the_gradients_of_an_adapter_are_those_of_separate_rows_too() -> None:
    model, examples = with_adapter(tiny_model()).train(), tiny_examples(4)
    asked = replace(question(), adapter="group")
    packed = gradients(model, whole_loss(model, examples, [asked]))
    rows = gradients(model, row_by_row_loss(model, examples))
    assert packed.keys() == rows.keys()
    assert all("lora_" in name for name in rows)
    for name in rows:
        torch.testing.assert_close(packed[name], rows[name], atol=1e-5, rtol=1e-4)


def plan(**changes: Any) -> FitPlan:
    values: dict[str, Any] = {
        "visits": 60,
        "batch_visits": 6,
        "rates": Rates(learning_rate=3e-3, warmup_steps=2, schedule="inverse-sqrt"),
    }
    return FitPlan(**(values | changes))


def test_the_loss_over_the_answers_is_that_of_the_log_odds() -> None:
    model, visits, asked = tiny_model(), tiny_examples(4), question()
    loss = PackedLoss(model, [asked], Objective(over="answers"))(visits, Whole(4, 0))
    log_odds = score_examples(model, visits, asked)
    prescribed = torch.stack([visit.prescribed for visit in visits]).float()
    expected = binary_cross_entropy_with_logits(log_odds, prescribed)
    assert loss.item() == pytest.approx(expected.item(), abs=1e-6)


def test_text_is_learned_from_every_nth_visit_only() -> None:
    model, visits, asked = tiny_model(), tiny_examples(6), [question()]
    plain = PackedLoss(model, asked)(visits, Whole(6, 0))
    third = Objective(text_weight=1.0, text_every=3)
    tokens = third.text_tokens(visits)
    assert tokens == sum(len(visit.prefix) - 1 for visit in visits[::3])
    text = PackedLoss(model, asked, third)(visits, Whole(6, tokens)) - plain
    each = [model(visit.prefix[None], labels=visit.prefix[None]).loss for visit in visits[::3]]
    lengths = [len(visit.prefix) - 1 for visit in visits[::3]]
    expected = sum(loss * n for loss, n in zip(each, lengths, strict=True)) / tokens
    assert text.item() == pytest.approx(expected.item(), abs=1e-5)


def test_muon_moves_every_weight_and_learns() -> None:
    model, visits = tiny_model(), tiny_examples(12)
    before = {name: weight.clone() for name, weight in model.named_parameters()}
    rates = Rates(learning_rate=3e-3, warmup_steps=2, schedule="cosine", optimizer="muon")
    report = fit(model, visits, [question()], plan(rates=rates, visits=480))
    assert report.losses[-1] < report.losses[0] / 2
    assert all(not torch.equal(before[n], weight) for n, weight in model.named_parameters())


def test_micro_batches_of_a_step_add_up_to_the_step() -> None:
    examples = tiny_examples(12)
    reports = [
        fit(tiny_model(), examples, [question()], plan(micro_visits=size, objective=TEXT))
        for size in (0, 1, 4)
    ]
    for report in reports[1:]:
        assert report.losses == pytest.approx(reports[0].losses, abs=1e-5)


def test_training_stops_when_validation_gets_no_better_and_keeps_the_best_weights() -> None:
    examples = tiny_examples(6)
    rule = StopRule(every=2, patience=3, least_steps=4, beat_all_yes=False)
    model, long = tiny_model(), plan(visits=60_000, stop=rule)
    report = fit(model, examples, [question()], long, examples)
    step, jaccard = report.best[""]
    assert len(report.losses) == step + 2 * rule.patience < 10_000
    assert jaccard == max(scores[""] for _, scores in report.looks)
    prescribed = torch.stack([example.prescribed for example in examples])
    chosen = score_examples(model, examples, question()) > 0
    hits, union = (chosen & prescribed).sum(dim=0), (chosen | prescribed).sum(dim=0)
    assert jaccard_per_medication(hits, union) == jaccard


def test_a_medication_that_nobody_has_does_not_make_the_score_undefined() -> None:
    hits, union = torch.tensor([3, 0, 0]), torch.tensor([4, 0, 2])
    assert jaccard_per_medication(hits, union) == pytest.approx(0.375)
    assert jaccard_per_medication(hits[1:2], union[1:2]) == 0.0


def test_two_processes_follow_the_loss_curve_of_one(tmp_path: Path) -> None:
    """The same steps, each shared by two processes that exchange gradients with gloo."""
    out = tmp_path / "losses.json"
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    command = "-m torch.distributed.run --standalone --nproc_per_node=2 -m"
    worker = "tests.lamo.training.fit_in_processes"
    subprocess.run(
        [sys.executable, *command.split(), worker, str(out)], env=environment, check=True
    )
    alone = fit(tiny_model(), tiny_examples(12), [question()], plan(objective=TEXT))
    found = json.loads(out.read_text())
    assert found["processes"] == 2
    assert found["losses"] == pytest.approx(alone.losses, abs=1e-5)
