"""Activated LoRA: the base model's prefix, computed once, under every group's candidates."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model

from lamo.scoring.packing import pack_suffixes
from lamo.training.examples import Example
from lamo.training.fit import Question, StopRule, fit, score_examples
from lamo.training.forward import PackedLoss, Whole
from tests.lamo.training.test_fit import (
    NO,
    SUFFIXES,
    YES,
    gradients,
    plan,
    row_by_row_loss,
    tiny_examples,
    tiny_model,
    whole_loss,
    with_adapter,
)

HEADING = [1, 2]  # the candidate heading, with which every prefix ends


def examples(count: int) -> list[Example]:
    ends = torch.tensor(HEADING)
    return [replace(e, prefix=torch.cat([e.prefix, ends])) for e in tiny_examples(count)]


def activated(**changes: Any) -> Any:
    config = {"alora_invocation_tokens": HEADING, "task_type": "CAUSAL_LM"}
    return with_adapter(tiny_model(), **(config | changes))


def asked(*candidates: int, adapter: str = "group") -> Question:
    packed = pack_suffixes([SUFFIXES[candidate] for candidate in candidates])
    return Question(packed, torch.tensor(candidates), YES, NO, adapter)


def test_packed_gradients_equal_those_of_peft_row_by_row() -> None:
    model = activated().train()
    packed_loss = whole_loss(model, examples(4), [asked(0, 1, 2)])
    row_loss = row_by_row_loss(model, examples(4))
    assert packed_loss.item() == pytest.approx(row_loss.item(), abs=1e-5)
    packed, rows = gradients(model, packed_loss), gradients(model, row_loss)
    assert packed.keys() == rows.keys()
    assert rows
    for name in rows:
        torch.testing.assert_close(packed[name], rows[name], atol=1e-5, rtol=1e-4)


def test_scores_equal_those_of_peft_row_by_row_and_differ_from_plain_lora() -> None:
    model, visits = activated(), examples(5)
    scores = score_examples(model, visits, asked(0, 1, 2))
    for example, row in zip(visits, scores, strict=True):
        for suffix, score in zip(SUFFIXES, row, strict=True):
            ids = torch.cat([example.prefix, torch.tensor(suffix)])[None]
            logits = model(input_ids=ids).logits[0, -1]
            assert score.item() == pytest.approx((logits[YES] - logits[NO]).item(), abs=1e-4)
    plain = score_examples(with_adapter(tiny_model()), visits, asked(0, 1, 2))
    assert not torch.allclose(scores, plain, atol=1e-2)


def two_groups() -> Any:
    config = LoraConfig(
        r=4,
        lora_alpha=8,
        target_modules=["q_proj", "v_proj"],
        alora_invocation_tokens=HEADING,
        task_type="CAUSAL_LM",
    )
    model: Any = None
    for seed, name in enumerate(("first", "second")):
        torch.manual_seed(seed)
        if model is None:
            model = get_peft_model(tiny_model(), config, adapter_name=name)
        else:
            model.add_adapter(name, config)
    return model


def weights_of(model: Any, adapter: str) -> dict[str, torch.Tensor]:
    return {name: p.detach() for name, p in model.named_parameters() if f".{adapter}." in name}


def test_groups_trained_together_end_with_the_weights_that_they_would_have_alone() -> None:
    questions = [asked(0, 2, adapter="first"), asked(1, adapter="second")]
    together, visits = two_groups(), examples(12)
    fit(together, visits, questions, plan())
    for question in questions:
        alone = two_groups()
        fit(alone, visits, [question], plan())
        wanted, found = (weights_of(m, question.adapter) for m in (alone, together))
        untrained = weights_of(two_groups(), question.adapter)
        for name in wanted:
            torch.testing.assert_close(found[name], wanted[name], atol=1e-6, rtol=1e-4)
        assert any(not torch.equal(found[name], untrained[name]) for name in untrained)


def test_each_group_keeps_its_own_best_weights() -> None:
    rule = StopRule(every=2, patience=2, least_steps=2, beat_all_yes=False)
    questions = [asked(0, 2, adapter="first"), asked(1, adapter="second")]
    model, visits = two_groups(), examples(6)
    report = fit(model, visits, questions, plan(visits=600, stop=rule), visits)
    for question in questions:
        prescribed = torch.stack([example.prescribed[question.chosen] for example in visits])
        chosen = score_examples(model, visits, question) > 0
        union = (chosen | prescribed).sum(dim=0)
        jaccard = ((chosen & prescribed).sum(dim=0)[union > 0] / union[union > 0]).mean()
        assert jaccard.item() == pytest.approx(report.best[question.adapter][1])


def test_the_base_model_of_an_activated_adapter_takes_no_gradient() -> None:
    model = activated().train()
    loss = PackedLoss(model, [asked(0, 1)])(examples(2), Whole(2, 1))
    assert all("lora_" in name for name in gradients(model, loss))
