"""The packed forward pass: every candidate of a visit behind one prefix, for training and scoring.

With plain LoRA (or the base model alone) prefix and suffixes are one sequence under a block mask.
With activated LoRA the adapter works from the candidate heading on only, so the base model runs
the rest of the prefix once, without gradients, and every group's candidates follow it:

    visit   [........ prefix, base model, no gradient ........]   keys and values, computed once
    group 1                                    [heading | suffix | suffix | ...]  adapter 1
    group 2                                    [heading | suffix | suffix | ...]  adapter 2
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, linear
from transformers.cache_utils import DynamicCache

from lamo.scoring.packing import PackedSuffixes
from lamo.training.examples import Batch, Example, make_batch

Over = Literal["vocabulary", "answers"]


@dataclass(frozen=True, slots=True)
class Question:
    """Which candidates are asked about, by which adapter, and the tokens of the answers."""

    packed: PackedSuffixes
    chosen: Tensor  # (candidates,) indices in the vocabulary
    yes_id: int
    no_id: int
    adapter: str = ""  # of a model with several; empty: the model as it is

    @property
    def answers(self) -> list[int]:
        """The tokens of Yes and No, in this order."""
        return [self.yes_id, self.no_id]


@dataclass(frozen=True, slots=True)
class Whole:
    """The size of a whole step, over all its micro-batches and processes."""

    visits: int
    text_tokens: int  # next-token targets in the prefixes


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """What the loss is made of."""

    over: Literal["vocabulary", "answers"] = "vocabulary"  # which words the answer competes with
    text_weight: float = 0.0  # of the next-token loss on the prefix (base only)
    text_every: int = 1  # every n-th visit has a next-token loss

    def has_text(self, example: Example) -> bool:
        """Whether the text of this visit is learned from."""
        return self.text_weight > 0 and example.visit % self.text_every == 0

    def text_tokens(self, visits: Sequence[Example]) -> int:
        """How many next-token targets these visits have."""
        return sum(len(visit.prefix) - 1 for visit in visits if self.has_text(visit))


ANSWER_ONLY = Objective()


class PackedLoss(nn.Module):
    """The loss as a module, so that any way to spread training over processes can wrap it."""

    def __init__(
        self, model: Any, questions: Sequence[Question], objective: Objective = ANSWER_ONLY
    ) -> None:
        super().__init__()
        self.model = model
        self.questions = tuple(questions)
        self.objective = objective

    def forward(self, examples: Sequence[Example], whole: Whole) -> Tensor:
        """Sum of the losses of these visits over the size of the whole step.

        The parts of a step add up to its mean loss, however it was cut. Questions are added: each
        has an adapter of its own, which sees its own mean.
        """
        batches = batches_for(self.model, examples, self.questions)
        over = self.objective.over
        total = torch.zeros((), device=batches[0].ids.device)
        if self.objective.text_weight:
            hidden = _hidden(self.model, batches[0])
            text = _text_loss(self.model, batches[0], hidden, self._texts(examples))
            logits = _logits(self.model, hidden[:, batches[0].answers], self.questions[0], over)
            total = total + _answer_loss(logits, batches[0], self.questions[0], whole)
            return total + self.objective.text_weight * text / max(1, whole.text_tokens)
        parts = zip(answer_logits(self.model, batches, self.questions, over), batches, strict=True)
        for (logits, batch), question in zip(parts, self.questions, strict=True):
            total = total + _answer_loss(logits, batch, question, whole)
        activate_all(self.model, self.questions)
        return total

    def _texts(self, examples: Sequence[Example]) -> Tensor:
        return torch.tensor([self.objective.has_text(example) for example in examples])


def batches_for(
    model: Any, examples: Sequence[Example], questions: Sequence[Question]
) -> list[Batch]:
    """One batch per question, on the device of the model."""
    device = next(model.parameters()).device
    return [make_batch(examples, q.packed, q.chosen).to(device) for q in questions]


def answer_logits(
    model: Any, batches: Sequence[Batch], questions: Sequence[Question], over: Over = "answers"
) -> Iterator[Tensor]:
    """(visits, candidates, words) logits at the answers, one tensor per question.

    The words are the whole vocabulary, or Yes and No in this order.
    """
    heading = invocation_length(model, questions[0].adapter)
    prefix = _base_prefix(model, batches[0], heading) if heading else None
    for batch, question in zip(batches, questions, strict=True):
        if question.adapter:
            model.set_adapter(question.adapter)
        if prefix is None:
            yield _logits(model, _hidden(model, batch)[:, batch.answers], question, over)
        else:
            logits = _activated(model, batch, prefix, heading)
            yield logits if over == "vocabulary" else logits[..., question.answers]


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
    yes, no = (0, 1) if logits.shape[-1] == len(question.answers) else question.answers
    wanted = torch.where(batch.targets, yes, no)
    total = cross_entropy(logits.flatten(0, 1).float(), wanted.flatten(), reduction="sum")
    return total / (whole.visits * len(question.chosen))


def _text_loss(model: Any, batch: Batch, hidden: Tensor, texts: Tensor) -> Tensor:
    """The summed next-token loss of the prefixes of some visits; texts: (visits,) bool."""
    end = batch.prefix_tokens
    keep = batch.real[:, :-1] & batch.real[:, 1:] & texts.to(hidden.device)[:, None]
    text = _head(model)(hidden[:, : end - 1][keep])
    return cross_entropy(text.float(), batch.ids[:, 1:end][keep], reduction="sum")


def _logits(model: Any, hidden: Tensor, question: Question, over: Over) -> Tensor:
    """(..., width) -> (..., words); for the answers only two rows of the output matrix are read."""
    head = _head(model)
    return head(hidden) if over == "vocabulary" else linear(hidden, head.weight[question.answers])


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


def _head(model: Any) -> nn.Linear:
    head: nn.Linear = _causal_lm(model).get_output_embeddings()
    return head


def _causal_lm(model: Any) -> Any:
    return model.get_base_model() if hasattr(model, "get_base_model") else model
