"""The packed forward pass: every candidate of a visit behind one prefix, for training and scoring.

With plain LoRA (or the base model alone) prefix and suffixes are one sequence under a block mask.
With activated LoRA the adapter works from the candidate heading on only, so the base model runs
the rest of the prefix once, without gradients, and every group's candidates follow it:

    visit   [........ prefix, base model, no gradient ........]   keys and values, computed once
    group 1                                    [heading | suffix | suffix | ...]  adapter 1
    group 2                                    [heading | suffix | suffix | ...]  adapter 2
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers.cache_utils import DynamicCache

from lamo.scoring.local import PackedSuffixes
from lamo.training.examples import Batch, Example, make_batch


@dataclass(frozen=True, slots=True)
class Question:
    """Which candidates are asked about, by which adapter, and the tokens of the answers."""

    packed: PackedSuffixes
    chosen: Tensor  # (candidates,) indices in the vocabulary
    yes_id: int
    no_id: int
    adapter: str = ""  # of a model with several; empty: the model as it is


@dataclass(frozen=True, slots=True)
class Whole:
    """The size of a whole step, over all its micro-batches and processes."""

    visits: int
    text_tokens: int  # next-token targets in the prefixes


class PackedLoss(nn.Module):
    """The loss as a module, so that any way to spread training over processes can wrap it."""

    def __init__(self, model: Any, questions: Sequence[Question], text_weight: float) -> None:
        super().__init__()
        self.model = model
        self.questions = tuple(questions)
        self.text_weight = text_weight

    def forward(self, examples: Sequence[Example], whole: Whole) -> Tensor:
        """Sum of the losses of these visits over the size of the whole step.

        The parts of a step add up to its mean loss, however it was cut. Questions are added: each
        has an adapter of its own, which sees its own mean.
        """
        batches = batches_for(self.model, examples, self.questions)
        total = torch.zeros((), device=batches[0].ids.device)
        if self.text_weight:
            logits, text = _with_text(self.model, batches[0])
            total = total + _answer_loss(logits, batches[0], self.questions[0], whole)
            return total + self.text_weight * text / whole.text_tokens
        parts = zip(packed_logits(self.model, batches, self.questions), batches, strict=True)
        for (logits, batch), question in zip(parts, self.questions, strict=True):
            total = total + _answer_loss(logits, batch, question, whole)
        activate_all(self.model, self.questions)
        return total


def batches_for(
    model: Any, examples: Sequence[Example], questions: Sequence[Question]
) -> list[Batch]:
    """One batch per question, on the device of the model."""
    device = next(model.parameters()).device
    return [make_batch(examples, q.packed, q.chosen).to(device) for q in questions]


def packed_logits(
    model: Any, batches: Sequence[Batch], questions: Sequence[Question]
) -> Iterator[Tensor]:
    """(visits, candidates, vocabulary) logits at the answers, one tensor per question."""
    heading = invocation_length(model, questions[0].adapter)
    prefix = _base_prefix(model, batches[0], heading) if heading else None
    for batch, question in zip(batches, questions, strict=True):
        if question.adapter:
            model.set_adapter(question.adapter)
        if prefix is None:
            yield _head(model)(_hidden(model, batch)[:, batch.answers])
        else:
            yield _activated(model, batch, prefix, heading)


def log_odds(logits: Tensor, question: Question) -> Tensor:
    """(..., vocabulary) logits -> (...) float32 log-odds of Yes against No."""
    return (logits[..., question.yes_id] - logits[..., question.no_id]).float()


def invocation_length(model: Any, adapter: str = "") -> int:
    """How many tokens invoke the adapter; 0 for plain LoRA and for a model without adapters."""
    configs = getattr(model, "peft_config", None)
    if not configs:
        return 0
    config = configs[adapter or model.active_adapter]
    return len(getattr(config, "alora_invocation_tokens", None) or ())


def parameters_of(model: Any, adapter: str) -> list[nn.Parameter]:
    """What a question trains: its adapter's matrices, or all that require gradients."""
    if not adapter:
        return [parameter for parameter in model.parameters() if parameter.requires_grad]
    parts = ((name.split("."), parameter) for name, parameter in model.named_parameters())
    return [p for name, p in parts if name[-2] == adapter and name[-3].startswith("lora_")]


def activate_all(model: Any, questions: Sequence[Question]) -> None:
    """Let every question's adapter take gradients: choosing one in PEFT freezes the others."""
    for question in questions:
        if question.adapter:
            for parameter in parameters_of(model, question.adapter):
                parameter.requires_grad_(True)


def _answer_loss(logits: Tensor, batch: Batch, question: Question, whole: Whole) -> Tensor:
    wanted = torch.where(batch.targets, question.yes_id, question.no_id)
    total = cross_entropy(logits.flatten(0, 1).float(), wanted.flatten(), reduction="sum")
    return total / (whole.visits * len(question.chosen))


def _with_text(model: Any, batch: Batch) -> tuple[Tensor, Tensor]:
    """Logits at the answers, and the summed next-token loss of the prefixes."""
    hidden = _hidden(model, batch)
    end = batch.prefix_tokens
    keep = batch.real[:, :-1] & batch.real[:, 1:]
    text = _head(model)(hidden[:, : end - 1][keep])
    loss = cross_entropy(text.float(), batch.ids[:, 1:end][keep], reduction="sum")
    return _head(model)(hidden[:, batch.answers]), loss


def _hidden(model: Any, batch: Batch) -> Tensor:
    """(visits, tokens, width): last hidden states under the block mask."""
    hidden: Tensor = (
        _causal_lm(model)
        .get_decoder()(
            input_ids=batch.ids,
            attention_mask=_additive(model, batch.mask),
            position_ids=batch.positions,
            use_cache=False,
        )
        .last_hidden_state
    )
    return hidden


@torch.no_grad()
def _base_prefix(model: Any, batch: Batch, heading: int) -> list[tuple[Tensor, Tensor]]:
    """Keys and values of the prefix without the heading, per layer, by the base model alone."""
    end = batch.prefix_tokens - heading
    cache = DynamicCache()
    model(
        input_ids=batch.ids[:, :end],
        attention_mask=_additive(model, batch.mask[..., :end, :end]),
        position_ids=batch.positions[:, :end],
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
        alora_offsets=[None] * len(batch.ids),  # the adapter works nowhere
    )
    layers: Sequence[Any] = cache.layers
    return [(layer.keys, layer.values) for layer in layers]


def _activated(
    model: Any, batch: Batch, prefix: list[tuple[Tensor, Tensor]], heading: int
) -> Tensor:
    """Logits at the answers, the adapter working on heading and suffixes only."""
    start = batch.prefix_tokens - heading
    ids = batch.ids[:, start:]
    logits: Tensor = model(
        input_ids=ids,
        attention_mask=_additive(model, batch.mask[..., start:, :]),
        position_ids=batch.positions[:, start:],
        past_key_values=DynamicCache(prefix),
        use_cache=True,
        logits_to_keep=batch.answers - start,
        alora_offsets=[ids.shape[1]] * len(ids),  # counted from the end: everywhere
    ).logits
    return logits


def _additive(model: Any, mask: Tensor) -> Tensor:
    """A mask of booleans as what attention adds: 0 or the lowest number of the model's type."""
    dtype = _causal_lm(model).dtype
    added = torch.zeros(mask.shape, dtype=dtype, device=mask.device)
    return added.masked_fill_(~mask, torch.finfo(dtype).min)


def _head(model: Any) -> Callable[[Tensor], Tensor]:
    head: Callable[[Tensor], Tensor] = _causal_lm(model).get_output_embeddings()
    return head


def _causal_lm(model: Any) -> Any:
    return model.get_base_model() if hasattr(model, "get_base_model") else model
