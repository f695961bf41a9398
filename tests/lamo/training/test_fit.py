"""Training behind a shared prefix: the same loss and gradients as one row per candidate."""

from typing import Any

import pytest
import torch
from torch.nn.functional import cross_entropy
from transformers import LlamaConfig, LlamaForCausalLM

from lamo.scoring.local import pack_suffixes
from lamo.training.examples import Example, batches_of, make_batch
from lamo.training.fit import FitPlan, Question, _loss, fit, score_examples

SUFFIXES = [[5, 9], [6, 7, 9], [8, 9]]
YES, NO = 3, 4


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
    batch = make_batch(examples, question().packed, torch.arange(3))
    packed_loss, row_loss = _loss(model, batch, question(), 0.0), row_by_row_loss(model, examples)
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
    plan = FitPlan(
        visits=240, batch_visits=3, learning_rate=3e-3, warmup_steps=5, schedule="inverse-sqrt"
    )
    models = [tiny_model(), tiny_model()]
    before = row_by_row_loss(models[0], examples).item()
    for model in models:
        fit(model, examples, question(), plan)
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
