"""The one training loop, for base model and adapters alike."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from lamo.scoring.local import PackedSuffixes
from lamo.training.examples import Batch, Example, batches_of, make_batch

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class FitPlan:
    """How long and how fast to train."""

    visits: int  # visits seen in all; more than there are means further epochs
    batch_visits: int
    learning_rate: float
    warmup_steps: int
    schedule: str  # "cosine" or "inverse-sqrt" (LAMO's)
    weight_decay: float = 0.01
    text_weight: float = 0.0  # weight of the language-model loss on the prefix (base only)
    seed: int = 2023


@dataclass(frozen=True, slots=True)
class Question:
    """Which candidates are asked about, and the tokens of the answers."""

    packed: PackedSuffixes
    chosen: Tensor  # (candidates,) indices in the vocabulary
    yes_id: int
    no_id: int


def fit(model: Any, examples: Sequence[Example], question: Question, plan: FitPlan) -> None:
    """Train the parameters of `model` that require gradients, in place.

    The loss is the cross-entropy of the answer word (Yes or No) over the whole vocabulary, at the
    answer position only; the period and the end of sequence after it are always the same and are
    left out. `plan.text_weight` adds next-token loss on the prefix.
    """
    torch.manual_seed(plan.seed)
    steps = math.ceil(plan.visits / plan.batch_visits)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(
        trained, lr=plan.learning_rate, weight_decay=plan.weight_decay, betas=(0.9, 0.98)
    )
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, _schedule(plan, steps))
    model.train()
    running = 0.0
    for step, visits in zip(range(1, steps + 1), _forever(examples, plan), strict=False):
        batch = make_batch(visits, question.packed, question.chosen)
        loss = _loss(model, batch, question, plan.text_weight)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad(set_to_none=True)
        running = loss.item() if step == 1 else 0.98 * running + 0.02 * loss.item()
        if step % 50 == 0 or step == steps:
            log.info("fit", step=step, of=steps, loss=round(running, 4))
    model.eval()


@torch.inference_mode()
def score_examples(
    model: Any, examples: Sequence[Example], question: Question, batch_visits: int = 16
) -> Tensor:
    """(visits, candidates) float32 log-odds of Yes against No, in the order of the examples."""
    model.eval()
    order = sorted(range(len(examples)), key=lambda i: len(examples[i].prefix))
    log_odds = torch.empty(len(examples), len(question.chosen))
    for start in range(0, len(order), batch_visits):
        rows = order[start : start + batch_visits]
        batch = make_batch([examples[i] for i in rows], question.packed, question.chosen)
        logits = _head(model)(_hidden(model, batch)[:, batch.answers])
        log_odds[rows] = logits[..., question.yes_id] - logits[..., question.no_id]
    return log_odds


def _loss(model: Any, batch: Batch, question: Question, text_weight: float) -> Tensor:
    hidden = _hidden(model, batch)
    logits = _head(model)(hidden[:, batch.answers])  # (visits, candidates, vocabulary)
    wanted = torch.where(batch.targets, question.yes_id, question.no_id)
    loss = cross_entropy(logits.flatten(0, 1), wanted.flatten())
    if text_weight:
        end = batch.prefix_tokens
        keep = batch.real[:, :-1] & batch.real[:, 1:]
        text = _head(model)(hidden[:, : end - 1][keep])
        loss = loss + text_weight * cross_entropy(text, batch.ids[:, 1:end][keep])
    return loss


def _hidden(model: Any, batch: Batch) -> Tensor:
    """(visits, tokens, width): last hidden states under the block mask."""
    mask = torch.zeros(batch.mask.shape).masked_fill_(~batch.mask, torch.finfo(torch.float32).min)
    decoder = _causal_lm(model).get_decoder()
    out = decoder(
        input_ids=batch.ids, attention_mask=mask, position_ids=batch.positions, use_cache=False
    )
    hidden: Tensor = out.last_hidden_state
    return hidden


def _head(model: Any) -> Callable[[Tensor], Tensor]:
    head: Callable[[Tensor], Tensor] = _causal_lm(model).get_output_embeddings()
    return head


def _causal_lm(model: Any) -> Any:
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def _forever(examples: Sequence[Example], plan: FitPlan) -> Iterator[list[Example]]:
    generator = torch.Generator().manual_seed(plan.seed)
    while True:
        yield from batches_of(examples, plan.batch_visits, generator)


def _schedule(plan: FitPlan, steps: int) -> Callable[[int], float]:
    def factor(step: int) -> float:
        warm = min(1.0, (step + 1) / plan.warmup_steps)
        if plan.schedule == "inverse-sqrt":
            return warm * math.sqrt(plan.warmup_steps / max(step + 1, plan.warmup_steps))
        done = max(0, step - plan.warmup_steps) / max(1, steps - plan.warmup_steps)
        return warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))

    return factor
